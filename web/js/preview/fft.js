// Power spectra of real signals, radix 2.

export class Spectrum {
  /// `size`: a power of 2; `window`: samples that are looked at, under a Hann window, then zeros.
  constructor(size, window) {
    this.size = size;
    this.window = Float32Array.from(
        {length: window}, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / (window - 1)));
    this.cos = Float32Array.from({length: size / 2}, (_, i) => Math.cos((2 * Math.PI * i) / size));
    this.sin = Float32Array.from({length: size / 2}, (_, i) => Math.sin((2 * Math.PI * i) / size));
    const bits = Math.log2(size);
    this.order = Uint16Array.from({length: size}, (_, i) => {
      let reversed = 0;
      for (let bit = 0; bit < bits; ++bit)
        if (i & (1 << bit)) reversed |= 1 << (bits - 1 - bit);
      return reversed;
    });
    this.re = new Float32Array(size);
    this.im = new Float32Array(size);
  }

  /// |X|^2 of bins 0 .. size / 2 - 1 of the samples from `begin` on.
  power(samples, begin) {
    const {size, re, im} = this;
    for (let i = 0; i < size; ++i) {
      const from = this.order[i];
      re[i] = from < this.window.length ? (samples[begin + from] ?? 0) * this.window[from] : 0;
      im[i] = 0;
    }
    for (let half = 1; half < size; half *= 2)
      this.#combine(half);
    return Float32Array.from({length: size / 2}, (_, i) => re[i] ** 2 + im[i] ** 2);
  }

  #combine(half) {
    const {size, re, im} = this;
    const step = size / (2 * half);
    for (let begin = 0; begin < size; begin += 2 * half) {
      for (let k = 0; k < half; ++k) {
        const [a, b] = [begin + k, begin + k + half];
        const [c, s] = [this.cos[k * step], -this.sin[k * step]];
        const [x, y] = [re[b] * c - im[b] * s, re[b] * s + im[b] * c];
        [re[b], im[b]] = [re[a] - x, im[a] - y];
        re[a] += x;
        im[a] += y;
      }
    }
  }
}
