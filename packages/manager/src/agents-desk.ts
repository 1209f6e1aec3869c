/** What the API may ask of agents and groups: the registry's rows, keys, groups with their files, and questions to connected agents. */
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentsDesk } from '@dogwatch/api'
import { type AgentChannel, RequestFailure } from '@dogwatch/inputs'
import { replaceFile } from '@dogwatch/outputs'
import { isSharedName, keyLine, md5, reconnectPayload } from '@dogwatch/protocol'
import type { AgentsAnswer, AgentsRequest } from './agents-control.ts'
import type { AgentInventories } from './agents-inventory.ts'
import type { AgentRegistry } from './agents-registry.ts'
import { sortedRows } from './agents-state.ts'

const configurationName = 'agent.conf'
const askMs = 10_000

export function agentsDesk(
  home: string,
  registry: AgentRegistry,
  channel: AgentChannel,
  answer: (request: AgentsRequest) => Promise<AgentsAnswer>,
  inventories: AgentInventories,
): AgentsDesk {
  const folderOf = (group: string): string => join(home, 'etc/shared', group)
  const fileOf = (group: string, name: string): Buffer | null => {
    if (!registry.groups.has(group) || !isSharedName(name)) return null
    const path = join(folderOf(group), name)
    // As for what agents get: no link is followed out of the folder.
    return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true ? readFileSync(path) : null
  }
  return {
    files: inventories,
    reconnect: (id) => channel.send(id, reconnectPayload),
    agents: () => sortedRows(registry.rows),
    groups: () =>
      registry.groups.names().map((name) => ({
        name,
        count: [...registry.rows.values()].filter(({ groups }) => groups.includes(name)).length,
        mergedSum: registry.groups.sum([name], Date.now()),
        configSum: md5(fileOf(name, configurationName) ?? Buffer.alloc(0)),
      })),
    key(id) {
      const entry = registry.keyOf(id)
      return entry === null ? null : Buffer.from(keyLine(entry), 'utf8').toString('base64')
    },
    add: (name, ip) => registry.add(name, ip, Date.now()),
    insert: (wanted) => registry.insert(wanted, Date.now()),
    remove: (ids, purge) => registry.remove(ids, purge, Date.now()),
    setGroups: (id, groups) => registry.setGroups(id, groups),
    createGroup: async (group) => (await answer({ verb: 'create-group', group })).problem,
    removeGroup: async (group) => (await answer({ verb: 'remove-group', group })).problem,
    hasGroup: (group) => registry.groups.has(group),
    groupFiles: (group) =>
      readdirSync(folderOf(group), { withFileTypes: true })
        .filter((entry) => entry.isFile() && isSharedName(entry.name))
        .map(({ name }) => ({ filename: name, hash: md5(readFileSync(join(folderOf(group), name))) }))
        .sort((a, b) => (a.filename < b.filename ? -1 : 1)),
    groupFile: fileOf,
    putGroupConfiguration: (group, text) => replaceFile(join(folderOf(group), configurationName), text),
    async ask(id, target, command) {
      try {
        return { text: (await channel.request(id, target, Buffer.from(command), askMs)).toString('utf8') }
      } catch (error) {
        if (error instanceof RequestFailure) return { problem: error.message }
        throw error
      }
    },
  }
}
