import { keyHash } from '@dogwatch/protocol'
import { describe, expect, test } from 'vitest'
import { decideEnrolment, type EnrolmentFacts, type EnrolmentPolicy } from './agents-enrol.ts'
import { type AgentRow, newAgentRow } from './agents-state.ts'

const hour = 3_600_000
const nowMs = 100 * hour
const entry = { id: '001', name: 'web', ip: '10.0.0.1', key: 'a'.repeat(64) }
const old: AgentRow = {
  ...newAgentRow({ id: '001', name: 'web', registerIp: '10.0.0.1' }, 0),
  status: 'disconnected',
  disconnectedMs: nowMs - 2 * hour,
}
const policy: EnrolmentPolicy = {
  usesSourceIp: false,
  allowsHigherVersions: false,
  force: {
    enabled: true,
    keyMismatch: true,
    disconnectedTime: { enabled: true, seconds: 3600 },
    afterRegistrationTimeS: 3600,
  },
}
const facts: EnrolmentFacts = {
  hostname: 'manager',
  peer: '192.0.2.7',
  nowMs,
  hasGroup: (group) => group === 'default',
  agents: [],
  provenNode: null,
}
const request = { name: 'web', version: null, groups: null, ip: null, keyHash: null, nodeUid: null, token: null }

function decide(
  asks: Partial<typeof request> | object,
  row: Partial<AgentRow> | null = null,
  more: Partial<EnrolmentFacts> = {},
  rules: Partial<EnrolmentPolicy> = {},
): object {
  const agents = row === null ? [] : [{ entry, row: { ...old, ...row } }]
  return decideEnrolment({ ...request, ...asks }, { ...policy, ...rules }, { ...facts, agents, ...more })
}

const fresh: readonly [says: string, asks: object, expected: object, rules?: Partial<EnrolmentPolicy>][] = [
  ['any address by default', {}, { kind: 'new', ip: 'any', replaces: [] }],
  ['the address of the connection when asked for', { ip: 'src' }, { kind: 'new', ip: '192.0.2.7' }],
  ['the address of the connection by policy', {}, { kind: 'new', ip: '192.0.2.7' }, { usesSourceIp: true }],
  ['the address that is named, before the policy', { ip: '10.9.9.9' }, { ip: '10.9.9.9' }, { usesSourceIp: true }],
  ['the manager’s own name', { name: 'manager' }, { reason: 'Invalid agent name: manager' }],
  ['a newer version', { version: 'v5.0' }, { reason: 'Agent version must be lower or equal to manager version' }],
  ['a newer version where it may', { version: 'v5.0' }, { kind: 'new' }, { allowsHigherVersions: true }],
  ['the same version', { version: 'v4.14.99' }, { kind: 'new' }],
  ['a group that is not there', { groups: ['default', 'x'] }, { reason: 'Invalid group: x' }],
]
test.each(fresh)('%s', (_says, asks, expected, rules) => expect(decide(asks, null, {}, rules)).toMatchObject(expected))

describe('an agent of that name exists', () => {
  const taken = { kind: 'refused', reason: 'Duplicate agent name: web' }
  const replaced = { kind: 'new', replaces: ['001'] }
  const forced = (more: Partial<EnrolmentPolicy['force']>): Partial<EnrolmentPolicy> => ({
    force: { ...policy.force, ...more },
  })
  const cases: readonly [
    says: string,
    row: Partial<AgentRow>,
    expected: object,
    rules?: Partial<EnrolmentPolicy>,
    asks?: object,
  ][] = [
    ['long away: replaced', {}, replaced],
    ['never connected: replaced', { status: 'never_connected', disconnectedMs: null }, replaced],
    ['active: kept', { status: 'active', disconnectedMs: null }, taken],
    ['pending: kept', { status: 'pending', disconnectedMs: null }, taken],
    ['away for a moment: kept', { disconnectedMs: nowMs - 1 }, taken],
    [
      'away for a moment, which does not matter: replaced',
      { disconnectedMs: nowMs - 1 },
      replaced,
      forced({ disconnectedTime: { enabled: false, seconds: 3600 } }),
    ],
    ['added a moment ago: kept', { addedMs: nowMs - 1 }, taken],
    ['with the key that is still good: kept', {}, taken, {}, { keyHash: keyHash(entry) }],
    ['with another key: replaced', {}, replaced, {}, { keyHash: 'f'.repeat(40) }],
    [
      'with the good key, which does not matter: replaced',
      {},
      replaced,
      forced({ keyMismatch: false }),
      { keyHash: keyHash(entry) },
    ],
    ['replacing is off: kept', {}, taken, forced({ enabled: false })],
    [
      'the address is asked first',
      {},
      { reason: 'Duplicate IP: 10.0.0.1' },
      forced({ enabled: false }),
      { ip: '10.0.0.1' },
    ],
  ]
  test.each(cases)('%s', (_says, row, expected, rules, asks) => {
    expect(decide(asks ?? {}, row, {}, rules)).toMatchObject(expected)
  })
})

describe('the node had an agent before', () => {
  const active = { status: 'active', nodeUid: 'uid-1' } as const
  const renewed = { kind: 'renewed', id: '001' }
  const cases: readonly [says: string, asks: object, provenNode: string | null, expected: object][] = [
    ['the hash of the old key proves it', { nodeUid: 'uid-1', keyHash: keyHash(entry) }, null, renewed],
    ['a reviewed token proves it', { nodeUid: 'uid-1', token: 't' }, 'uid-1', renewed],
    [
      'a token of another node proves nothing',
      { nodeUid: 'uid-1', token: 't', name: 'web2' },
      'uid-2',
      { kind: 'new' },
    ],
    ['without proof it is another agent', { nodeUid: 'uid-1', name: 'web2' }, null, { kind: 'new' }],
    ['without proof it takes nobody’s name', { nodeUid: 'uid-1' }, null, { reason: 'Duplicate agent name: web' }],
    ['a proof for a node of nobody', { nodeUid: 'uid-9', token: 't', name: 'web2' }, 'uid-9', { kind: 'new' }],
  ]
  test.each(cases)('%s', (_says, asks, provenNode, expected) => {
    expect(decide(asks, active, { provenNode })).toMatchObject(expected)
  })
})
