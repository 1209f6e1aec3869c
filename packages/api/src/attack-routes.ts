/** The ATT&CK table that alerts are named by, for the matrix of the dashboard. */
import { attackTable } from '@dogwatch/engine'
import { Type } from 'typebox'
import { answerSchema, commonQuery } from './envelope.ts'
import type { ApiServer } from './server.ts'

/** The order in which an attack goes, as the matrix shows it. */
const order = [
  'reconnaissance',
  'resource-development',
  'initial-access',
  'execution',
  'persistence',
  'privilege-escalation',
  'defense-evasion',
  'credential-access',
  'discovery',
  'lateral-movement',
  'collection',
  'command-and-control',
  'exfiltration',
  'impact',
]

export function attackRoutes(server: ApiServer): void {
  const tactics = Object.entries(attackTable.tactics)
    .map(([id, { name, shortName }]) => ({
      id,
      name,
      techniques: Object.entries(attackTable.techniques)
        .filter(([, technique]) => technique.tactics.includes(shortName))
        .map(([techniqueId, technique]) => ({ id: techniqueId, name: technique.name })),
      place: order.indexOf(shortName),
    }))
    .sort((a, b) => a.place - b.place)
    .map(({ place: _, ...tactic }) => tactic)
  server.get(
    '/dogwatch/attack',
    {
      schema: {
        tags: ['mitre'],
        security: [{ jwt: [] }],
        summary: 'Tactics in the order of the ATT&CK matrix, each with its techniques',
        querystring: Type.Object(commonQuery),
        response: { 200: answerSchema },
      },
      config: { permission: 'rules:read' },
    },
    () => ({ data: { tactics }, error: 0 }),
  )
}
