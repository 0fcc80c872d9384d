/**
 * How long the properties run. `npm test` runs each as often as it says; `npm run soak` a multiple of that
 * (HAWSER_SOAK), hours rather than minutes. fast-check prints the seed of what it finds.
 */
const factor = Number(process.env.HAWSER_SOAK ?? 1);

export function runs(usual: number): number {
  return Math.ceil(usual * factor);
}
