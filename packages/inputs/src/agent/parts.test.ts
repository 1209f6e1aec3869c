import { expect, test } from 'vitest'
import { AddressSet, plainAddress } from './address.ts'
import { isTls } from './first-bytes.ts'
import { RateLimit } from './rate-limit.ts'

const addresses: readonly [says: string, networks: readonly string[], address: string, isIn: boolean][] = [
  ['an address', ['10.0.0.1'], '10.0.0.1', true],
  ['another one', ['10.0.0.1'], '10.0.0.2', false],
  ['a network', ['10.0.0.0/8'], '10.9.9.9', true],
  ['a network with a mask', ['10.1.0.0/255.255.0.0'], '10.1.9.9', true],
  ['a mask with a hole takes nobody', ['10.1.0.0/255.0.255.0'], '10.1.0.1', false],
  ['beyond a network', ['10.0.0.0/9'], '10.200.0.1', false],
  ['IPv6', ['fd00::/8'], 'fd12::1', true],
  ['any', ['any'], 'fd12::1', true],
  ['nothing', [], '10.0.0.1', false],
  ['what is no network', ['nowhere', '10.0.0.0/33'], '10.0.0.1', false],
  ['what is no address', ['0.0.0.0/0'], 'nowhere', false],
]
test.each(addresses)('%s', (_says, networks, address, isIn) => {
  expect(new AddressSet(networks).has(address)).toBe(isIn)
})

test('an IPv4 address over IPv6 is itself', () => {
  expect([plainAddress('::ffff:1.2.3.4'), plainAddress('fe80::1%eth0'), plainAddress(undefined)]).toEqual([
    '1.2.3.4',
    'fe80::1',
    '',
  ])
})

test('a sender has a burst, then what it earns; failures cost more', () => {
  const limit = new RateLimit(3, 1)
  const takes = (address: string, atMs: number): boolean => limit.take(address, 1, atMs)
  expect([takes('a', 0), takes('a', 0), takes('a', 0), takes('a', 0), takes('b', 0)]).toEqual([
    true,
    true,
    true,
    false,
    true,
  ])
  expect([takes('a', 1000), takes('a', 1000)]).toEqual([true, false])
  limit.punish('b', 10, 1000)
  expect([takes('b', 5000), takes('b', 10_000)]).toEqual([false, true])
  expect([takes('fd00::1', 0), takes('fd00::2', 0), takes('fd00:0:0:0:1::', 0), takes('fd00::3', 0)]).toEqual([
    true,
    true,
    true,
    false,
  ])
})

const heads: readonly [says: string, hex: string, expected: boolean | null][] = [
  ['nothing yet', '', null],
  ['one byte of either', '16', null],
  ['two bytes of either', '1603', null],
  ['TLS 1.0 as it is written in front of newer ones', '160301', true],
  ['TLS 1.2', '16030302', true],
  ['a frame of 22 bytes', '16000000', false],
  ['a frame of 790 bytes', '16030000', false],
  ['a frame of 1046 bytes', '16040000', false],
  ['any other frame', '6a', false],
]
test.each(heads)('first bytes: %s', (_says, hex, expected) => expect(isTls(Buffer.from(hex, 'hex'))).toBe(expected))
