/** What the agent says of its host: the line of a keep-alive (spec: agent-protocol, part 6.3). Nothing can go wrong; what is not known is said in general words. */
import { readFileSync } from 'node:fs'
import { hostname, machine, release, type, version } from 'node:os'

/** `hostRoot`: where the host's files are mounted, '' for this system. `Linux |web1 |6.1.0 |#1 SMP … |x86_64 [Debian GNU/Linux|debian: 12 (bookworm)]`. */
export function unameText(hostRoot = ''): string {
  const osRelease = firstText([`${hostRoot}/etc/os-release`, `${hostRoot}/usr/lib/os-release`])
  // A container has a name of its own.
  const name = hostRoot === '' ? hostname() : firstText([`${hostRoot}/etc/hostname`]).trim() || hostname()
  const bare = (text: string): string => text.replace(/[|\n\r[\]]/g, ' ')
  return `${bare(type())} |${bare(name)} |${bare(release())} |${bare(version())} |${bare(machine())} [${systemText(osRelease)}]`
}

/** `Debian GNU/Linux|debian: 12 (bookworm)` of the text of /etc/os-release. */
export function systemText(osRelease: string): string {
  const value = (key: string): string => {
    const found = new RegExp(`^${key}=(?:"([^"\\n]{0,128})"|([^\\n"]{0,128}))$`, 'm').exec(osRelease)
    return (found?.[1] ?? found?.[2] ?? '').replace(/[|[\]:()]/g, ' ').trim()
  }
  const codename = value('VERSION_CODENAME')
  return `${value('NAME') || 'Linux'}|${value('ID') || 'linux'}: ${value('VERSION_ID') || release()}${codename === '' ? '' : ` (${codename})`}`
}

function firstText(files: readonly string[]): string {
  for (const file of files) {
    try {
      return readFileSync(file, 'utf8')
    } catch {
      // The next one.
    }
  }
  return ''
}
