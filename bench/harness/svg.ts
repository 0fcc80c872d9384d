/** Bars and lines as SVG text: what a README can show, without a library. Colours hold on a light and a dark page. */

const colours = ['#2f6fde', '#e0762f', '#3a9d5d', '#b04fc0', '#c9a227', '#d1495b', '#4aa3a2', '#8a8f98', '#7a5c3e'];
const text = '#7d8590';
const font = 'font-family="system-ui, sans-serif"';

const escaped = (raw: string): string => raw.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;');

function label(x: number, y: number, what: string, anchor = 'start', size = 12, fill = text): string {
  return `<text x="${x}" y="${y}" ${font} font-size="${size}" fill="${fill}" text-anchor="${anchor}">${escaped(what)}</text>`;
}

function page(width: number, height: number, title: string, inner: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    label(16, 24, title, 'start', 15),
    ...inner,
    '</svg>\n',
  ].join('\n');
}

export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
}

export interface BarGroup {
  readonly label: string;
  readonly bars: readonly Bar[];
}

/** Horizontal bars in groups, with a whisker from the least to the most. */
export function barChart(title: string, groups: readonly BarGroup[], show: (value: number) => string): string {
  const labels = [...new Set(groups.flatMap(({ bars }) => bars.map((bar) => bar.label)))];
  const [left, width, row] = [130, 470, 20];
  const inner: string[] = [];
  let y = 44;
  for (const group of groups) {
    // Each group on its own scale: the cases of a bench differ by orders of magnitude.
    const most = Math.max(...group.bars.map((bar) => bar.max));
    const x = (value: number): number => left + (most === 0 ? 0 : (value / most) * width);
    inner.push(label(16, y + 12, group.label, 'start', 13));
    y += 20;
    for (const bar of group.bars) {
      const fill = colours[labels.indexOf(bar.label) % colours.length] ?? text;
      const middle = y + row / 2 - 2;
      inner.push(
        label(left - 8, y + 12, bar.label, 'end'),
        `<rect x="${left}" y="${y}" width="${(x(bar.value) - left).toFixed(1)}" height="${row - 5}" fill="${fill}" rx="2"/>`,
        `<path d="M${x(bar.min).toFixed(1)} ${middle}H${x(bar.max).toFixed(1)}" stroke="${text}" stroke-width="1.5"/>`,
        label(x(bar.max) + 8, y + 12, show(bar.value)),
      );
      y += row;
    }
    y += 12;
  }
  return page(left + width + 110, y + 4, title, inner);
}

export interface Series {
  readonly label: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Axes {
  readonly x: string;
  readonly show: (value: number) => string;
}

/** Lines over numbers; both axes begin at 0. */
export function lineChart(title: string, series: readonly Series[], axes: Axes): string {
  const [left, top, width, height] = [84, 44, 500, 260];
  const points = series.flatMap((one) => one.points);
  const mostX = Math.max(1, ...points.map(([x]) => x));
  const mostY = Math.max(1, ...points.map(([, y]) => y));
  const at = ([x, y]: readonly [number, number]): string =>
    `${(left + (x / mostX) * width).toFixed(1)} ${(top + height - (y / mostY) * height).toFixed(1)}`;
  const inner: string[] = [];
  for (let tick = 0; tick <= 4; tick++) {
    const y = top + height - (tick / 4) * height;
    inner.push(
      `<path d="M${left} ${y}H${left + width}" stroke="${text}" stroke-opacity="0.25"/>`,
      label(left - 8, y + 4, axes.show((mostY * tick) / 4), 'end', 11),
      label(left + (tick / 4) * width, top + height + 18, axes.show((mostX * tick) / 4), 'middle', 11),
    );
  }
  inner.push(label(left + width / 2, top + height + 38, axes.x, 'middle'));
  for (const [i, { label: name, points: own }] of series.entries()) {
    const colour = colours[i % colours.length] ?? text;
    if (own.length > 0) {
      inner.push(`<path d="M${own.map(at).join('L')}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    }
    for (const point of own) {
      const [x, y] = at(point).split(' ');
      inner.push(`<circle cx="${x}" cy="${y}" r="2.5" fill="${colour}"/>`);
    }
    inner.push(
      `<rect x="${left + width + 16}" y="${top + i * 20}" width="12" height="12" fill="${colour}" rx="2"/>`,
      label(left + width + 34, top + 10 + i * 20, name),
    );
  }
  return page(left + width + 160, top + height + 52, title, inner);
}
