/** The ruleset's files and what the API tells of their parts. */
import type { CodeProblem } from '../widgets/CodeMirrorView.tsx'

export type FileKind = 'rules' | 'decoders' | 'lists'

export interface FileItem {
  readonly filename: string
  readonly relative_dirname: string
}

export interface RuleItem extends FileItem {
  readonly id: number
  readonly level: number
  readonly line: number
  readonly description: string
  readonly groups: readonly string[]
  readonly details: Readonly<Record<string, unknown>>
  readonly mitre: readonly string[]
  readonly pci_dss: readonly string[]
  readonly gdpr: readonly string[]
  readonly hipaa: readonly string[]
  readonly 'nist-800-53': readonly string[]
  readonly tsc: readonly string[]
}

export interface DecoderItem extends FileItem {
  readonly name: string
  readonly line: number
  readonly position: number
  readonly details: Readonly<Record<string, unknown>>
}

/** Whether a file is the site's own, and so may be changed: those of `etc`. */
export function isOwn({ relative_dirname: folder }: FileItem): boolean {
  return folder.startsWith('etc/')
}

/** What a new file begins with. */
export const firstText: Readonly<Record<FileKind, string>> = {
  rules: `<group name="local,">

  <!-- Numbers of one's own begin at 100000. -->
  <rule id="100100" level="5">
    <if_sid>5710</if_sid>
    <description>What this rule says</description>
  </rule>

</group>
`,
  decoders: `<decoder name="my-program">
  <program_name>^my-program$</program_name>
</decoder>

<decoder name="my-program-login">
  <parent>my-program</parent>
  <regex type="pcre2">login of (\\S+) from (\\S+)</regex>
  <order>user, srcip</order>
</decoder>
`,
  lists: `key:value
192.0.2.1:office
`,
}

/** Problems that the API told, of one file, for the editor; those of other files as sentences. */
export function problemsOf(
  problems: readonly unknown[],
  filename: string,
): { readonly here: readonly CodeProblem[]; readonly elsewhere: readonly string[] } {
  const here: CodeProblem[] = []
  const elsewhere: string[] = []
  for (const problem of problems) {
    if (typeof problem !== 'object' || problem === null) continue
    const found = problem as Readonly<Record<string, unknown>>
    const { at, message, severity } = found
    const { file, line, column } =
      typeof at === 'object' && at !== null ? (at as Readonly<Record<string, unknown>>) : {}
    const says = typeof message === 'string' ? message : String(problem)
    if (typeof file === 'string' && (file === filename || file.endsWith(`/${filename}`))) {
      here.push({
        line: typeof line === 'number' && line > 0 ? line : 1,
        ...(typeof column === 'number' && column > 0 ? { column } : {}),
        message: says,
        severity: severity === 'warning' ? 'warning' : 'error',
      })
    } else elsewhere.push(typeof file === 'string' ? `${file}:${line ?? ''} ${says}` : says)
  }
  return { here, elsewhere }
}
