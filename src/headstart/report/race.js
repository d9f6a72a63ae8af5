// What a person can do: choose who stands, move the number of labels, look at points.

const race = JSON.parse(document.getElementById('race').textContent);
const state = {
  draw: race.first,
  by: 'epochs',
  stands: race.strategies.map(() => true),
  left: [],
};
const training = { svg: document.getElementById('training'), draw: drawTraining, at: 0 };
const labels = { svg: document.getElementById('labels'), draw: drawLabels, at: 0 };
const pictures = [training, labels];
const reading = document.getElementById('reading');

function redraw() {
  if (!race.draws.length) return;
  pictures.forEach((picture) => {
    const width = Math.max(280, Math.round(picture.svg.parentElement.clientWidth));
    const held = picture.svg.contains(document.activeElement);
    picture.drawn = picture.draw(picture.svg, width, state);
    picture.at = Math.min(picture.at, Math.max(0, picture.drawn.points.length - 1));
    leave(picture);
    const current = picture.drawn.points[picture.at]?.element;
    current?.setAttribute('tabindex', 0);
    if (held) current?.focus({ preventScroll: true });
  });
}

// What the pictures show now, in a sentence: read aloud when it changes.
function tell(first = '') {
  const draw = race.draws[state.draw];
  if (!draw) return;
  const known = race.strategies
    .map((each, at) => ({ name: each.name, mean: race.summary[at][state.draw] }))
    .filter((each, at) => state.stands[at] && each.mean)
    .sort((a, b) => b.mean[0] - a.mean[0])
    .map((each) => `${each.name} ${exact(each.mean[0])}`);
  const says = known.length ? `${race.headline} ${known.join(', ')}.` : 'No strategy stands.';
  const worth = worthHere(state);
  const start = `${first}${draw.says[0].toUpperCase()}${draw.says.slice(1)}`;
  reading.textContent = `${start}: ${says}${worth && worth.says ? ` ${worth.says}` : ''}`;
}

function leave(picture) {
  picture.tip.hidden = true;
  picture.on?.element.classList.remove('on');
  picture.on?.run?.classList.remove('on');
  picture.on = null;
}

function lookAt(picture, point) {
  leave(picture);
  picture.on = point;
  point.element.classList.add('on');
  point.run?.classList.add('on');
  const [first, ...others] = point.lines;
  picture.tip.replaceChildren(
    Object.assign(document.createElement('strong'), { textContent: first }),
    ...others.map((text) => Object.assign(document.createElement('span'), { textContent: text })),
  );
  picture.tip.hidden = false;
  const box = picture.svg.getBoundingClientRect();
  const scaled = box.width / picture.drawn.width;
  const [x, y] = [point.x * scaled, point.y * scaled];
  const { offsetWidth: wide, offsetHeight: high } = picture.tip;
  const left = Math.min(Math.max(0, x - wide / 2), Math.max(0, box.width - wide));
  picture.tip.style.left = `${left}px`;
  picture.tip.style.top = `${y - high - 14 < 0 ? y + 16 : y - high - 14}px`;
}

function nearest(picture, event, reach) {
  const box = picture.svg.getBoundingClientRect();
  const scaled = picture.drawn.width / box.width;
  const [x, y] = [(event.clientX - box.left) * scaled, (event.clientY - box.top) * scaled];
  let [best, found] = [reach * scaled, null];
  for (const point of picture.drawn.points) {
    const distance = Math.hypot(point.x - x, point.y - y);
    if (distance < best) [best, found] = [distance, point];
  }
  return found;
}

// Arrows go along a run (left, right) and to the next one (up, down), as the points stand there.
function step(picture, key) {
  const { points } = picture.drawn;
  const here = points[picture.at];
  const same = points.map((_, at) => at).filter((at) => points[at].of === here.of);
  if (key === 'Home' || key === 'End') return key === 'Home' ? 0 : points.length - 1;
  if (key === 'ArrowRight') return Math.min(points.length - 1, picture.at + 1);
  if (key === 'ArrowLeft') return Math.max(0, picture.at - 1);
  if (key === 'ArrowDown') return Math.min(points.length - 1, same[same.length - 1] + 1);
  if (key === 'ArrowUp') return Math.max(0, same[0] - 1);
  return -1;
}

pictures.forEach((picture) => {
  picture.tip = picture.svg.parentElement.querySelector('.tip');
  picture.svg.addEventListener('pointermove', (event) => {
    const point = nearest(picture, event, 30);
    if (point && point !== picture.on) lookAt(picture, point);
    if (!point && picture.on) leave(picture);
  });
  picture.svg.addEventListener('pointerdown', (event) => {
    const point = nearest(picture, event, 44);
    if (point) lookAt(picture, point);
  });
  picture.svg.addEventListener('pointerleave', () => leave(picture));
  picture.svg.addEventListener('focusout', () => leave(picture));
  picture.svg.addEventListener('focusin', (event) => {
    const at = picture.drawn.points.findIndex((each) => each.element === event.target);
    if (at >= 0) {
      picture.drawn.points[picture.at].element.setAttribute('tabindex', -1);
      picture.at = at;
      event.target.setAttribute('tabindex', 0);
      lookAt(picture, picture.drawn.points[at]);
    }
  });
  picture.svg.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') leave(picture);
    if (!picture.drawn.points.length || event.altKey || event.ctrlKey || event.metaKey) return;
    const to = step(picture, event.key);
    if (to < 0) return;
    event.preventDefault();
    picture.drawn.points[to].element.focus({ preventScroll: true });
  });
});

const slider = document.getElementById('draw');
const chosen = document.getElementById('chosen');
slider?.addEventListener('input', () => {
  state.draw = Number(slider.value);
  showDraw();
  redraw();
  tell();
});

function showDraw() {
  const draw = race.draws[state.draw];
  if (!slider || !draw) return;
  slider.setAttribute('aria-valuetext', `${draw.says}, ${draw.n} in all`);
  chosen.textContent = draw.says;
  document.getElementById('in-all').textContent = `${draw.n.toLocaleString('en')} in all`;
  document.querySelectorAll('.stops span').forEach((stop, at) => {
    stop.classList.toggle('on', at === state.draw);
  });
}

document.querySelectorAll('.toggle').forEach((button) => {
  button.addEventListener('click', () => {
    const at = Number(button.dataset.strategy);
    state.stands[at] = !state.stands[at];
    button.setAttribute('aria-pressed', state.stands[at]);
    redraw();
    tell(`${race.strategies[at].name} ${state.stands[at] ? 'stands' : 'is hidden'}. `);
  });
});

document.querySelectorAll('[name=by]').forEach((choice) => {
  choice.addEventListener('change', () => {
    state.by = choice.value;
    state.left = [];
    redraw();
    tell(`By ${choice.value}. `);
  });
});

let width = 0;
new ResizeObserver(() => {
  const now = training.svg.parentElement.clientWidth;
  if (now !== width) {
    width = now;
    state.left = [];
    redraw();
  }
}).observe(training.svg.parentElement);

if (slider) slider.value = state.draw;
document.getElementById('race-stage').hidden = !race.draws.length || !race.strategies.length;
redraw();
showDraw();
tell();
