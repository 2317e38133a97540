// Noise that is the same at every visit: numbers that look random, from a seed.

// A function that gives uniform numbers in [0, 1): mulberry32 (T. Ettinger, public domain).
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

// One draw of the standard normal distribution from two uniform ones (Box and Muller).
export function normal(uniform) {
  const length = Math.sqrt(-2 * Math.log(1 - uniform())); // 1 - u is never 0
  return length * Math.cos(2 * Math.PI * uniform());
}
