/**
 * `etc/local_internal_options.conf` of the manager: lines `part.name=value`, as Wazuh has them. In: its text. Out: the options that mean something here, and what is wrong,
 * as sentences. Names of other parts are passed over: the file may come from a Wazuh manager.
 */

export interface InternalOptions {
  /** Minutes after which an agent that is away is removed; 0: never (spec: agent-protocol, part 10). */
  readonly deleteOldAgentsMin: number
}

const deleteName = 'monitord.delete_old_agents'
const deleteMinMax = 9600

/** A value that is wrong leaves the default; of several the last one holds. */
export function readInternalOptions(text: string): {
  readonly options: InternalOptions
  readonly problems: readonly string[]
} {
  const problems: string[] = []
  let deleteOldAgentsMin = 0
  for (const [at, line] of text.split('\n').entries()) {
    const [, name = '', value = ''] = /^\s*([\w.]+)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    if (name !== deleteName) continue
    if (/^\d{1,9}$/.test(value) && Number(value) <= deleteMinMax) deleteOldAgentsMin = Number(value)
    else problems.push(`line ${at + 1}: ${name} is a whole number from 0 to ${deleteMinMax}, in minutes`)
  }
  return { options: { deleteOldAgentsMin }, problems }
}
