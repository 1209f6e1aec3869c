import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type EnrolmentRequest,
  enrolledAnswer,
  enrolmentLine,
  parseEnrolment,
  parseEnrolmentAnswer,
  refusedAnswer,
} from './enrolment.ts'
import { isAgentAddress, isAgentName, keyLine, parseKeyLine } from './keys.ts'
import { vectorEntry } from './vectors-fixture.ts'

const open = { password: null, isSame: (a: string, b: string) => a === b }
const closed = { ...open, password: 's3cret' }
const hash = '0b79f5d23e55b03fff60a5084a6e0c06333c89d2'
const bare: EnrolmentRequest = {
  name: 'web',
  version: null,
  groups: null,
  ip: null,
  keyHash: null,
  nodeUid: null,
  token: null,
}

test('the vector of the request is read and written', () => {
  const line = `OSSEC PASS: s3cret OSSEC A:'vec-agent' V:'v4.14.7' G:'default' K:'${hash}'\n`
  const request = { ...bare, name: 'vec-agent', version: 'v4.14.7', groups: ['default'], keyHash: hash }
  expect(parseEnrolment(line.trimEnd(), closed)).toEqual({ request })
  expect(enrolmentLine({ ...request, password: 's3cret' })).toBe(line)
})

const good: readonly [says: string, line: string, expected: Partial<EnrolmentRequest>][] = [
  ['a name alone', "OSSEC A:'web'", {}],
  ['repeated groups once', "OSSEC A:'web' G:'a,b,a'", { groups: ['a', 'b'] }],
  ['the address of the connection', "OSSEC A:'web' IP:'src'", { ip: 'src' }],
  ['a network', "OSSEC A:'web' IP:'10.0.0.0/8'", { ip: '10.0.0.0/8' }],
  ['what it does not know at the tail', "OSSEC A:'web' Z:'x' V:'v4'", {}],
  ['fields out of order no further', "OSSEC A:'web' K:'k' V:'v4'", { keyHash: 'k' }],
  ['a node and its token', "OSSEC A:'web' U:'uid-1' T:'a.b.c'", { nodeUid: 'uid-1', token: 'a.b.c' }],
]
test.each(good)('reads %s', (_says, line, expected) => {
  expect(parseEnrolment(line, open)).toEqual({ request: { ...bare, ...expected } })
})

const many = Array.from({ length: 129 }, (_, n) => `g${n}`).join(',')
const bad: readonly [says: string, line: string, reason: string, password?: string][] = [
  ['nothing', '', 'Invalid request for new agent'],
  ['a password where none is asked for', "OSSEC PASS: x OSSEC A:'web'", 'Invalid request for new agent'],
  ['no password', "OSSEC A:'web'", 'Invalid password', 's3cret'],
  ['a wrong password', "OSSEC PASS: s3creT OSSEC A:'web'", 'Invalid password', 's3cret'],
  ['a longer password', "OSSEC PASS: s3crets OSSEC A:'web'", 'Invalid password', 's3cret'],
  ['a shorter password', "OSSEC PASS: s3cre OSSEC A:'web'", 'Invalid password', 's3cret'],
  ['a name without end', "OSSEC A:'web", 'Invalid request for new agent'],
  ['a name of one character', "OSSEC A:'w'", 'Invalid agent name: w'],
  ['a name that begins with a dot', "OSSEC A:'.web'", 'Invalid agent name: .web'],
  ['a name with a newline', "OSSEC A:'we\nb'", 'Invalid agent name: we?b'],
  ['a version without end', "OSSEC A:'web' V:'v4", 'Unterminated version field'],
  ['groups without end', "OSSEC A:'web' G:'a", 'Unterminated group field'],
  ['an address without end', "OSSEC A:'web' IP:'a", 'Unterminated IP field'],
  ['a hash without end', "OSSEC A:'web' K:'a", 'Unterminated key field'],
  ['an address that is none', "OSSEC A:'web' IP:'10.0.0.256'", 'Invalid IP: 10.0.0.256'],
  ['a network that is none', "OSSEC A:'web' IP:'10.0.0.0/33'", 'Invalid IP: 10.0.0.0/33'],
  ['an empty group', "OSSEC A:'web' G:'a,,b'", 'Invalid group name: Empty Group'],
  ['a group that leads elsewhere', "OSSEC A:'web' G:'..'", 'Invalid group name: ..'],
  ['a group with a path', "OSSEC A:'web' G:'a/b'", 'Invalid group name: a/b'],
  ['a group with a blank', "OSSEC A:'web' G:'a b'", 'Invalid group name: a b... white spaces are not allowed'],
  ['too many groups', `OSSEC A:'web' G:'${many}'`, 'Maximum multigroup reached: Limit is 128'],
]
test.each(bad)('refuses %s', (_says, line, reason, password) => {
  expect(parseEnrolment(line, { ...open, password: password ?? null })).toEqual({ reason })
})

test('answers are read as they are written', () => {
  expect(parseEnrolmentAnswer(enrolledAnswer(vectorEntry))).toEqual({ entry: vectorEntry })
  expect(refusedAnswer('Invalid password')).toBe('ERROR: Invalid password. Unable to add agent')
  expect(parseEnrolmentAnswer(refusedAnswer('Invalid password'))).toEqual({
    error: 'Invalid password. Unable to add agent',
  })
  expect(parseEnrolmentAnswer("OSSEC K:'001 ../x any k'")).toHaveProperty('error')
})

test('no line makes the reader throw', () => {
  const piece = fc.constantFrom("OSSEC A:'", "'", ' ', 'web', "V:'", "G:'", "IP:'", "K:'", ',', '\0', 'ü', '1', '.')
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const reading = parseEnrolment(pieces.join(''), open)
      if ('request' in reading) expect(isAgentName(reading.request.name)).toBe(true)
    }),
  )
})

describe('client.keys', () => {
  const lines: readonly [says: string, line: string, kind: string][] = [
    ['an agent', '001 web any abc', 'agent'],
    ['one with a network', '1024 web 10.0.0.0/8 abc', 'agent'],
    ['a removed one', '002 !web any abc', 'removed'],
    ['a removed one of old', '002 #*#*#*# x', 'removed'],
    ['a comment', '# 001 web any abc', 'none'],
    ['a line that begins with a blank', ' 001 web any abc', 'none'],
    ['too few words', '001 web any', 'none'],
    ['too many words', '001 web any abc def', 'none'],
    ['an id too long', '123456789 web any abc', 'none'],
    ['a bad address', '001 web nowhere abc', 'none'],
  ]
  test.each(lines)('%s', (_says, line, kind) => expect(parseKeyLine(line).kind).toBe(kind))

  test('a line is read as it is written', () => {
    expect(parseKeyLine(keyLine(vectorEntry))).toEqual({ kind: 'agent', entry: vectorEntry })
  })

  test('addresses', () => {
    expect(['any', '::1', 'fd00::/8', '1.2.3.4/32'].every(isAgentAddress)).toBe(true)
    expect(['', '::1/129', '1.2.3', '1.2.3.4/', '1.2.3.4/1/2', 'ANY'].some(isAgentAddress)).toBe(false)
  })
})
