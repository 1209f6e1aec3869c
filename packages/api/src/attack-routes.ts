/** The ATT&CK table that alerts are named by: for the matrix of the dashboard, and as lists (spec: api, endpoint 61). */
import { attackTable } from '@dogwatch/engine'
import { Type } from 'typebox'
import { answerSchema, commonQuery, itemsAnswer, listAnswer, pagingQuery } from './envelope.ts'
import type { ApiServer } from './server.ts'

const { version: attackVersion } = attackTable

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

/** What the table does not hold: asked for, none are told, and that none are known. */
const absent = [
  { name: 'groups', idsName: 'group_ids' },
  { name: 'mitigations', idsName: 'mitigation_ids' },
  { name: 'software', idsName: 'software_ids' },
]

/** Where ATT&CK itself tells of a tactic or technique. */
function referenceItem(id: string, type: string, folder: string) {
  const url = `https://attack.mitre.org/${folder}/${id.replace('.', '/')}`
  return { id, source: 'mitre-attack', external_id: id, type, url }
}

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
      config: { permission: 'rules:read', isNarrowed: true },
    },
    () => ({ data: { tactics }, error: 0 }),
  )

  const ids = Type.Optional(Type.String({ maxLength: 2000, description: 'Ids, with commas' }))
  const lists = [
    {
      name: 'tactics',
      idsName: 'tactic_ids',
      querystring: Type.Object({ ...pagingQuery, tactic_ids: ids }),
      items: Object.entries(attackTable.tactics).map(([id, { name, shortName }]) => ({
        id,
        name,
        short_name: shortName,
        external_id: id,
        techniques: Object.entries(attackTable.techniques)
          .filter(([, technique]) => technique.tactics.includes(shortName))
          .map(([techniqueId]) => techniqueId),
      })),
    },
    {
      name: 'techniques',
      idsName: 'technique_ids',
      querystring: Type.Object({ ...pagingQuery, technique_ids: ids }),
      items: Object.entries(attackTable.techniques).map(([id, { name, tactics: of }]) => ({
        id,
        name,
        external_id: id,
        tactics: Object.entries(attackTable.tactics)
          .filter(([, { shortName }]) => of.includes(shortName))
          .map(([tacticId]) => tacticId),
        // `T1001.001` is one way of doing T1001.
        ...(id.includes('.') ? { subtechnique_of: id.slice(0, id.indexOf('.')) } : {}),
      })),
    },
    {
      name: 'references',
      idsName: 'reference_ids',
      querystring: Type.Object({ ...pagingQuery, reference_ids: ids }),
      items: [
        ...Object.keys(attackTable.tactics).map((id) => referenceItem(id, 'tactic', 'tactics')),
        ...Object.keys(attackTable.techniques).map((id) => referenceItem(id, 'technique', 'techniques')),
      ],
    },
    ...absent.map(({ name, idsName }) => ({
      name,
      idsName,
      querystring: Type.Object({ ...pagingQuery, [idsName]: ids }),
      items: [],
    })),
  ]
  for (const { name, idsName, querystring, items } of lists) {
    server.get(
      `/mitre/${name}`,
      {
        schema: {
          tags: ['mitre'],
          security: [{ jwt: [] }],
          summary:
            items.length > 0 ? `ATT&CK’s ${name}, as far as alerts name them` : `ATT&CK’s ${name}: none are known here`,
          querystring,
          response: { 200: answerSchema },
        },
        config: { permission: 'rules:read', isNarrowed: true },
      },
      ({ query }) => {
        const wanted = Object.entries(query).find(([key]) => key === idsName)?.[1]
        const chosen = typeof wanted === 'string' ? new Set(wanted.split(',')) : null
        const found: readonly { readonly id: string }[] = items
        return listAnswer(
          chosen === null ? found : found.filter(({ id }) => chosen.has(id)),
          query,
          found.length > 0
            ? `MITRE ${name} information was returned`
            : `Dogwatch knows tactics and techniques of ATT&CK ${attackVersion}, and no ${name}`,
        )
      },
    )
  }
  server.get(
    '/mitre/metadata',
    {
      schema: {
        tags: ['mitre'],
        security: [{ jwt: [] }],
        summary: 'Which version of ATT&CK the names are of',
        querystring: Type.Object(commonQuery),
        response: { 200: answerSchema },
      },
      config: { permission: 'rules:read', isNarrowed: true },
    },
    () => itemsAnswer([{ key: 'mitre_version', value: attackVersion }], 'MITRE metadata information was returned'),
  )
}
