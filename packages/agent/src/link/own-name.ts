/** The name to enrol with where nobody gives one (spec: agent-protocol, part 1.2). In goes the host's name; out comes one that managers take, or an error that says what to do. */
import { isAgentName } from '@dogwatch/protocol'

const nameLengthMax = 128

/** What is not allowed in names is left out. Every host that was never named is `localhost`, so that is none. */
export function ownName(host: string): string {
  const name = host
    .replace(/[^A-Za-z0-9._-]/g, '')
    .replace(/^\.+/, '')
    .slice(0, nameLengthMax)
  if (isAgentName(name) && name !== 'localhost') return name
  throw new Error(`the host is called \`${host.slice(0, 64)}\`, which is no name of an agent; give one with --name`)
}
