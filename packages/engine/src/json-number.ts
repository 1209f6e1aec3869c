/** Numbers the way the reference prints them (spec: engine, part 7.1): 32-bit integers in decimal, all others as C's `%f`; in arrays `%1.15g` or `%1.17g`. */

const intMin = -2147483648
const intMax = 2147483647

/** Field text of a JSON number literal. */
export function numberText(literal: string): string {
  if (literal.length < 10 && /^-?(?:0|[1-9]\d*)$/.test(literal)) return literal === '-0' ? '0' : literal
  const value = Number(literal)
  if (Number.isInteger(value) && value >= intMin && value <= intMax) return String(value === 0 ? 0 : value)
  return fixed6(value)
}

/** C's `%f`: six decimals, all digits of large values, ties to even. */
export function fixed6(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (Math.abs(value) >= 1e21) return `${BigInt(value)}.000000`
  // A seven-digit tie has an odd numerator over 128; toFixed rounds it away from zero, C to the even digit.
  if (Number.isInteger(value * 128) && Math.abs(value * 128) % 2 === 1) {
    const micros = BigInt(value * 128) * 15625n
    let rounded = micros / 2n
    if (rounded % 2n !== 0n) rounded += micros < 0n ? -1n : 1n
    const digits = (rounded < 0n ? -rounded : rounded).toString().padStart(7, '0')
    return `${micros < 0n ? '-' : ''}${digits.slice(0, -6)}.${digits.slice(-6)}`
  }
  const text = value.toFixed(6)
  return Object.is(value, -0) ? `-${text}` : text
}

/** A number inside a re-printed array. */
export function arrayNumber(value: number): string {
  if (!Number.isFinite(value)) return 'null'
  if (Number.isInteger(value) && value >= intMin && value <= intMax) return String(value === 0 ? 0 : value)
  return Number(value.toPrecision(15)) === value ? general(value, 15) : general(value, 17)
}

/** C's `%.<precision>g`. */
function general(value: number, precision: number): string {
  const [mantissa = '0', exponentText = '0'] = value.toExponential(precision - 1).split('e')
  const exponent = Number(exponentText)
  const trim = (digits: string): string => (digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits)
  if (exponent < -4 || exponent >= precision) {
    const size = Math.abs(exponent)
    return `${trim(mantissa)}e${exponent < 0 ? '-' : '+'}${size < 10 ? '0' : ''}${size}`
  }
  return trim(value.toFixed(Math.max(0, precision - 1 - exponent)))
}
