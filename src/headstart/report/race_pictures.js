// The two pictures. Both return the points that were really run, with what each says of itself.

function look(at) {
  return `look${at}`;
}

function exact(value) {
  return value.toFixed(3);
}

function seconds(value) {
  return value >= 100 ? `${Math.round(value)} s` : `${value.toFixed(1)} s`;
}

function drawsOf(run) {
  return `${race.draws[run.draw].says}, ${run.n.toLocaleString('en')} to learn from`;
}

function addPoint(drawn, layer, point, mark, solid, size = 1) {
  const element = make('g', {
    class: `point ${point.look}${solid ? ' solid' : ''}`,
    transform: `translate(${point.x.toFixed(1)} ${point.y.toFixed(1)}) scale(${size})`,
    role: 'img',
    tabindex: -1,
    'aria-label': point.lines.join('; '),
  }, make('path', { d: mark }));
  layer.append(element);
  drawn.points.push({ ...point, element });
}

// While training: one curve a strategy, the mean of its seeds, each seed's own run faintly there.
function drawTraining(svg, width, state) {
  const by = state.by;
  const at = by === 'epochs' ? 0 : 1;
  const shown = race.runs.filter((run) => run.draw === state.draw && state.stands[run.strategy]);
  const ends = shown.flatMap((run) => run.moments.slice(-1).map((moment) => moment[at]));
  const last = Math.max(by === 'epochs' ? 1 : 0.5, ...ends);
  const drawn = plot(svg, race.low, race.high,
    (box) => scale(0, last * 1.02, box.left, box.right), width);
  const { box, x, y } = drawn;
  for (const value of ticks(0, last, width < 430 ? 4 : 7)) tick(drawn, x(value), String(value));
  axisTitle(drawn, by === 'epochs' ? 'epochs' : 'seconds of training');
  const faint = svg.appendChild(make('g', {}));
  const means = svg.appendChild(make('g', { 'aria-hidden': 'true' }));
  const points = svg.appendChild(make('g', {}));
  shown.forEach((run) => {
    const strategy = race.strategies[run.strategy];
    const way = run.moments.map((moment) => [x(moment[at]), y(moment[2])]);
    const style = { class: `run ${look(run.strategy)}`, d: line(way) };
    const own = faint.appendChild(make('path', style));
    run.moments.forEach((moment, number) => {
      const single = run.moments.length === 1;
      const test = `${race.headline} ${exact(moment[2])}`;
      const within = ` (95 % interval ${exact(run.test[1])} to ${exact(run.test[2])})`;
      const phase = race.phases[moment[3]];
      addPoint(drawn, points, {
        x: way[number][0], y: way[number][1], look: look(run.strategy), run: own, of: run.id,
        lines: [
          single ? test + within : test,
          `${strategy.name}, ${drawsOf(run)}`,
          `${phase ? `${phase}, ` : ''}epoch ${moment[4]}, after ${seconds(moment[1])}`,
          `run ${run.id}, seed ${run.seed}`,
        ],
      }, strategy.mark, strategy.solid, single ? 1 : 0.5);
    });
  });
  const named = [];
  race.means.forEach((draws, number) => {
    const mean = draws[state.draw][by].map(([place, value]) => [x(place), y(value)]);
    if (!state.stands[number] || !mean.length) return;
    const end = mean[mean.length - 1];
    if (end[0] < box.right - 1) {
      const rest = { class: `rest ${look(number)}`, d: line([end, [box.right, end[1]]]) };
      means.append(make('path', rest));
    }
    // It begins where the last picture left it, and glides to where it belongs.
    const longest = Math.max(...draws.map((draw) => draw[by].length));
    const style = { class: `mean ${look(number)}`, d: state.left[number] || '' };
    const curve = means.appendChild(make('path', style));
    const there = padded(mean, longest);
    if (state.left[number]) curve.getBoundingClientRect();
    curve.setAttribute('d', there);
    state.left[number] = there;
    named.push({ y: end[1], name: race.strategies[number].name, look: look(number) });
  });
  nameEnds(drawn, named);
  return drawn;
}

// By number of labels: the final figure of every run, the mean of each strategy and its band.
function drawLabels(svg, width, state) {
  const places = race.draws.map((draw) => draw.place);
  const least = Math.min(...places) / 1.2;
  const drawn = plot(svg, race.low, race.high,
    (box) => scale(least, Math.max(...places) * 1.12, box.left, box.right, Math.log), width);
  const { box, x, y } = drawn;
  const here = x(race.draws[state.draw].place);
  svg.prepend(make('rect', {
    class: 'here', x: here - 13, y: box.top - 6, width: 26, height: box.bottom - box.top + 6, rx: 3,
  }));
  let before = -Infinity;
  race.draws.forEach((draw) => {
    if (x(draw.place) - before < 27) return;
    before = x(draw.place);
    tick(drawn, before, draw.key, draw.n.toLocaleString('en'));
  });
  axisTitle(drawn, 'labels a class, and in all');
  const bands = svg.appendChild(make('g', { 'aria-hidden': 'true' }));
  const means = svg.appendChild(make('g', { 'aria-hidden': 'true' }));
  const points = svg.appendChild(make('g', {}));
  race.baselines.forEach((baseline) => {
    const way = baseline.line.map(([draw, value]) => [x(race.draws[draw].place), y(value)]);
    if (!way.length) return;
    if (way.length === 1) way.splice(0, 1, [box.left, way[0][1]], [box.right, way[0][1]]);
    means.append(make('path', { class: 'baseline', d: line(way) }));
    nameBaseline(means, baseline, way, state, drawn);
    baseline.runs.forEach(([draw, n, seed, value, low, high]) => {
      addPoint(drawn, points, {
        x: x(race.draws[draw].place), y: y(value), look: 'plain', run: null, of: baseline.name,
        lines: [
          `${race.headline} ${exact(value)} (95 % interval ${exact(low)} to ${exact(high)})`,
          `baseline: ${baseline.name}`,
          drawsOf({ draw, n }),
          `seed ${seed}`,
        ],
      }, 'M-2 0h4M0-2v4', false);
    });
  });
  const named = [];
  race.summary.forEach((row, number) => {
    if (!state.stands[number]) return;
    const known = row.map((each, draw) => each && [x(race.draws[draw].place), each]).filter(Boolean);
    const banded = known.filter(([, each]) => each[1] !== null);
    if (banded.length) {
      const upper = banded.map(([place, each]) => [place, y(Math.min(each[2], race.high))]);
      const lower = banded.map(([place, each]) => [place, y(Math.max(each[1], race.low))]);
      const outline = `${line([...upper, ...lower.reverse()])}z`;
      bands.append(make('path', { class: `band ${look(number)}`, d: outline }));
    }
    if (!known.length) return;
    const way = known.map(([place, each]) => [place, y(each[0])]);
    means.append(make('path', { class: `mean ${look(number)}`, d: line(way) }));
    const name = race.strategies[number].name;
    named.push({ y: way[way.length - 1][1], name, look: look(number) });
  });
  race.runs.filter((run) => state.stands[run.strategy]).forEach((run) => {
    const strategy = race.strategies[run.strategy];
    const [value, low, high] = run.test;
    addPoint(drawn, points, {
      x: x(race.draws[run.draw].place), y: y(value), look: look(run.strategy), run: null, of: run.id,
      lines: [
        `${race.headline} ${exact(value)} (95 % interval ${exact(low)} to ${exact(high)})`,
        `${strategy.name}, ${drawsOf(run)}`,
        `${run.took === null ? 'ended' : `${seconds(run.took)}, ended`}: ${run.stopped || 'done'}`,
        `run ${run.id}, seed ${run.seed}`,
      ],
    }, strategy.mark, strategy.solid, 0.8);
  });
  nameEnds(drawn, named);
  const worth = worthHere(state);
  if (worth) drawWorth(drawn, worth, state);
  return drawn;
}

// A baseline's name stands at that end of its line where fewer curves are near.
function nameBaseline(layer, baseline, way, state, { y, box }) {
  const crowd = (draw, height) => Math.min(...race.summary
    .filter((row, number) => state.stands[number] && row[draw])
    .map((row) => Math.abs(y(row[draw][0]) - height + 8)), 999);
  const [first, last] = [baseline.line[0], baseline.line[baseline.line.length - 1]];
  const [start, end] = [way[0], way[way.length - 1]];
  const room = crowd(first[0], start[1]);
  const atEnd = room < 50 && crowd(last[0], end[1]) > room;
  const style = { class: 'baseline-name', x: atEnd ? end[0] : start[0] + 4,
    y: (atEnd ? end[1] : start[1]) - 5, 'text-anchor': atEnd ? 'end' : 'start' };
  const name = layer.appendChild(make('text', style, baseline.name));
  shorten(name, atEnd ? end[0] - box.left : box.right - start[0] - 4);
}

// What the best transfer that stands is worth here in labels from scratch, if that was told.
function worthHere(state) {
  const scratch = race.strategies.findIndex((each) => each.name === 'scratch');
  if (scratch < 0 || !state.stands[scratch]) return null;
  const value = (entry) => race.summary[entry.strategy][entry.draw]?.[0] ?? -Infinity;
  return race.worth
    .filter((entry) => entry.draw === state.draw && state.stands[entry.strategy])
    .filter((entry) => Number.isFinite(value(entry)))
    .sort((a, b) => value(b) - value(a))[0] || null;
}

function drawWorth(drawn, worth, state) {
  const { svg, box, x, y } = drawn;
  const [value] = race.summary[worth.strategy][state.draw];
  const from = x(race.draws[state.draw].place);
  const to = worth.reached === null ? box.right : Math.min(x(worth.reached), box.right);
  if (to - from < 12) return;
  const height = y(value);
  const group = svg.appendChild(make('g', { class: 'worth', 'aria-hidden': 'true' }));
  group.append(make('path', { d: `M${from} ${height}H${to}` }));
  if (worth.reached !== null) {
    group.append(make('path', { d: `M${to} ${height}V${box.bottom}` }));
    group.append(make('path', { class: 'foot', d: `M${to - 4} ${box.bottom - 7}l4 7l4-7` }));
    const toRight = to < (box.left + box.right) / 2;
    const taken = race.baselines.flatMap((each) => each.line.map((at) => y(at[1]) - 3));
    const clear = [12, 36, 60].find((up) => taken.every((at) => Math.abs(box.bottom - up - at) > 17));
    group.append(make('text', {
      x: to + (toRight ? 7 : -7), y: box.bottom - (clear || 12), 'text-anchor': toRight ? 'start' : 'end',
    }, `from scratch: about ${Math.round(worth.reached).toLocaleString('en')}`));
  } else {
    const style = { x: box.right - 4, y: height - 7, 'text-anchor': 'end' };
    group.append(make('text', style, 'from scratch: never'));
  }
}
