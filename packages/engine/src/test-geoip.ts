/** A MaxMind database made of a few IPv4 networks, for tests (MaxMind DB file format 2.0: search tree, separator, data section, metadata). */

type Value = string | number | readonly Value[] | { readonly [key: string]: Value }

const recordBits = 24
const dataSeparatorLength = 16

/** Bytes of a database that maps networks to values. */
export function tinyGeoip(networks: Readonly<Record<string, Value>>): Buffer {
  const data: Buffer[] = []
  let dataLength = 0
  // A record is a node, or -1 - n for the n-th value, or null for nothing.
  const nodes: [left: number | null, right: number | null][] = [[null, null]]
  const offsets: number[] = []
  for (const [network, value] of Object.entries(networks)) {
    const [address = '', length = '32'] = network.split('/')
    const bits = address
      .split('.')
      .map((part) => Number(part).toString(2).padStart(8, '0'))
      .join('')
      .slice(0, Number(length))
    let node = 0
    for (const [at, bit] of [...bits].entries()) {
      const side = bit === '0' ? 0 : 1
      const pair = nodes[node] as [number | null, number | null]
      if (at === bits.length - 1) pair[side] = -1 - offsets.length
      else {
        if (pair[side] === null) pair[side] = nodes.push([null, null]) - 1
        node = pair[side] as number
      }
    }
    const bytes = encode(value)
    offsets.push(dataLength)
    data.push(bytes)
    dataLength += bytes.length
  }
  const tree = Buffer.alloc((nodes.length * recordBits * 2) / 8)
  for (const [n, pair] of nodes.entries()) {
    for (const [side, record] of pair.entries()) {
      const pointer =
        record === null
          ? nodes.length
          : record >= 0
            ? record
            : nodes.length + dataSeparatorLength + (offsets[-1 - record] as number)
      tree.writeUIntBE(pointer, n * 6 + side * 3, 3)
    }
  }
  const metadata = encode({
    node_count: nodes.length,
    record_size: recordBits,
    ip_version: 4,
    database_type: 'Tiny-City',
    languages: ['en'],
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1_795_500_000,
    description: { en: 'made in a test' },
  })
  return Buffer.concat([
    tree,
    Buffer.alloc(dataSeparatorLength),
    ...data,
    Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1'),
    metadata,
  ])
}

/** Types of the data section: 2 text, 6 unsigned 32 bits, 7 map, 11 array (extended: 0, then 11 - 7). */
function encode(value: Value): Buffer {
  if (typeof value === 'string') {
    const text = Buffer.from(value)
    return Buffer.concat([Buffer.from([(2 << 5) | text.length]), text])
  }
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(5, (6 << 5) | 4)
    bytes.writeUInt32BE(value, 1)
    return bytes
  }
  if (Array.isArray(value)) return Buffer.concat([Buffer.from([value.length, 4]), ...value.map(encode)])
  const members = Object.entries(value)
  return Buffer.concat([
    Buffer.from([(7 << 5) | members.length]),
    ...members.flatMap(([key, member]) => [encode(key), encode(member)]),
  ])
}
