// Drawing by hand: SVG elements, scales, ticks, and labels that keep clear of each other.

const SVG = 'http://www.w3.org/2000/svg';

// Names come from strangers: they are only ever set as attributes and as text, never as markup.
function make(tag, attributes, ...inside) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  for (const each of inside) {
    element.append(each);
  }
  return element;
}

function scale(low, high, start, end, curve = (value) => value) {
  const from = curve(low);
  const span = curve(high) - from || 1;
  return (value) => start + ((curve(value) - from) / span) * (end - start);
}

function ticks(low, high, most) {
  const rough = (high - low) / Math.max(most, 1) || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough * 0.999);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-6); at * step <= high + step * 1e-6; at += 1) {
    found.push(Number((at * step).toPrecision(12)));
  }
  return found;
}

function line(points) {
  return points.map(([x, y], at) => `${at ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`).join('');
}

// A line of so many pieces, its end said again, so that one line can glide into another.
function padded(points, count) {
  const last = points[points.length - 1];
  return line([...points, ...Array(Math.max(0, count - points.length)).fill(last)]);
}

// Move labels apart that would stand on each other, as little as it takes.
function apart(wanted, gap, top, bottom) {
  const order = wanted.map((_, at) => at).sort((a, b) => wanted[a] - wanted[b]);
  const placed = [...wanted];
  for (let round = 0; round < 60; round += 1) {
    for (let at = 1; at < order.length; at += 1) {
      const [above, below] = [order[at - 1], order[at]];
      const missing = gap - (placed[below] - placed[above]);
      if (missing > 0.01) {
        placed[above] -= missing / 2;
        placed[below] += missing / 2;
      }
    }
    order.forEach((each, at) => {
      placed[each] = Math.max(placed[each], top + at * gap);
      placed[each] = Math.min(placed[each], bottom - (order.length - 1 - at) * gap);
    });
  }
  return placed;
}

// The empty plot: its lines, its numbers, and where values stand in it.
function plot(svg, low, high, across, width) {
  const narrow = width < 430;
  const height = Math.round(Math.min(400, Math.max(290, width * 0.64)));
  const box = { left: 38, right: width - (narrow ? 62 : 78), top: 14, bottom: height - 48 };
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
  svg.replaceChildren();
  const y = scale(low, high, box.bottom, box.top);
  const x = across(box);
  const values = ticks(low, high, 5);
  const places = Math.max(1, ...values.map((value) => (String(value).split('.')[1] || '').length));
  for (const value of values) {
    svg.append(
      make('line', { class: 'grid', x1: box.left, x2: box.right, y1: y(value), y2: y(value) }),
      make('text', { class: 'number', x: box.left - 7, y: y(value) + 4, 'text-anchor': 'end' },
        value.toFixed(places)),
    );
  }
  const base = { class: 'base', x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom };
  svg.append(make('line', base));
  return { svg, box, x, y, width, height, points: [] };
}

function tick(drawn, place, words, below) {
  const { svg, box } = drawn;
  svg.append(
    make('line', { class: 'base', x1: place, x2: place, y1: box.bottom, y2: box.bottom + 4 }),
    make('text', { class: 'number', x: place, y: box.bottom + 18, 'text-anchor': 'middle' }, words),
  );
  if (below) {
    const about = { class: 'number less', x: place, y: box.bottom + 31, 'text-anchor': 'middle' };
    svg.append(make('text', about, below));
  }
}

function axisTitle(drawn, words) {
  const { svg, box, height } = drawn;
  const middle = (box.left + box.right) / 2;
  svg.append(
    make('text', { class: 'axis-title', x: middle, y: height - 3, 'text-anchor': 'middle' }, words),
  );
}

// Leave out the end of a text that has no room.
function shorten(text, room) {
  const whole = text.textContent;
  let [fits, long] = [0, whole.length];
  if (text.getComputedTextLength() <= room) return;
  while (long - fits > 1) {
    const middle = (fits + long) >> 1;
    text.textContent = `${whole.slice(0, middle)}…`;
    [fits, long] = text.getComputedTextLength() <= room ? [middle, long] : [fits, middle];
  }
  text.textContent = `${whole.slice(0, fits)}…`;
}

// The names of curves, where they end.
function nameEnds(drawn, ends) {
  const { svg, box, width } = drawn;
  const placed = apart(ends.map((end) => end.y), 15, box.top + 4, box.bottom - 4);
  ends.forEach((end, at) => {
    const label = { class: `end ${end.look}`, x: box.right + 6, y: placed[at] + 4 };
    shorten(svg.appendChild(make('text', label, end.name)), width - box.right - 6);
  });
}
