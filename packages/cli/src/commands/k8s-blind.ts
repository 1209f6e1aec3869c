/** `dogwatch k8s blind`: which detections cannot work under an audit policy, or with what arrives, and what would light them. */
import { readFileSync } from 'node:fs'
import { blindNeeds, readPolicy } from '@dogwatch/k8s'
import { archiveFiles, readPast } from '../archived-events.ts'
import { addExamples, addHome, type CommandModule, counted, wholeNumber } from '../command.ts'
import { CliFailure, exitCodes } from '../failure.ts'
import { costs, isSecretive, needsOf, smallestChange, unmetBy } from '../k8s-blind.ts'
import { catalogues } from '../k8s-catalogue.ts'
import { goldenCases } from '../k8s-golden.ts'
import { compiled, detectionsFile, productSources } from '../k8s-ruleset.ts'

interface Options {
  readonly home?: string
  readonly policy?: string
  readonly in?: readonly string[]
  readonly days: number
}

/** Most events that are kept to count what a policy costs. */
const eventsMax = 200_000

export const command: CommandModule = {
  define(command, { say, note, home, finish }) {
    addHome(command)
    command
      .option('--policy <file>', 'audit policy to judge; without it, what arrived is judged')
      .option('--in <files...>', 'archives or audit events to look at (default: archives of the home)')
      .option('--days <n>', 'how far back to look in the archives', wholeNumber(1, 3650), 7)
      .action(async (options: Options) => {
        const descriptions = new Map(
          catalogues().flatMap(({ rules }) => rules.map((rule) => [rule.id, rule.description] as const)),
        )
        const needs = needsOf(compiled(productSources()), descriptions, goldenCases(detectionsFile))
        const events: { event: unknown; length: number }[] = []
        const files = options.in ?? archiveFiles(home(options.home), options.days, Date.now())
        for (const file of files)
          await readPast(file, ({ text }) => {
            if (events.length < eventsMax)
              events.push({ event: JSON.parse(Buffer.from(text, 'latin1').toString()), length: text.length })
          })
        if (events.length === eventsMax) note(`only the first ${eventsMax} events are looked at`)
        const blindCount = options.policy === undefined ? tellArrivals() : tellPolicy(options.policy)
        if (blindCount > 0) finish(exitCodes.negative)

        function tellPolicy(path: string): number {
          const policy = readPolicy(readFileSync(path, 'utf8'))
          if (!('rules' in policy)) throw new CliFailure(`${path}: ${policy.join('; ')}`)
          const blind = blindNeeds(policy, needs)
          for (const { need, why } of blind)
            say(
              `blind: ${need.name} (${need.request.verb} ${need.request.resource ?? need.request.path ?? ''}: ${why})`,
            )
          say(`${counted(needs.length - blind.length, 'case')} of detections seen, ${blind.length} blind`)
          const kept = blind.filter(({ need }) => isSecretive(need)).length
          if (kept > 0) say(`${kept} of the blind need bodies that hold credentials; leave these blind`)
          if (blind.length > kept) say(`Put these rules first, below "rules:":\n${smallestChange(blind)}`)
          if (events.length > 0) {
            say(`What the rules of the policy decided among ${counted(events.length, 'event')} that arrived:`)
            for (const [n, row] of costs(policy, events).entries())
              say(
                `  ${n === 0 ? 'no rule' : `rule ${n}`}  ${row.level}  ${counted(row.events, 'event')}, ${row.bytes} bytes`,
              )
          }
          return blind.length - kept
        }

        function tellArrivals(): number {
          if (events.length === 0)
            throw new CliFailure('no Kubernetes events found; give --policy, --in, or switch logall_json on')
          const unmet = unmetBy(
            needs,
            events.map(({ event }) => event),
          )
          const low = unmet.filter(({ level }) => level !== 'None')
          for (const { need, level } of low)
            say(
              `blind: ${need.name} (${need.request.verb} ${need.request.resource ?? ''} arrives at level ${level}, ${need.level} is needed)`,
            )
          const silent = unmet.length - low.length
          say(
            `${counted(needs.length - unmet.length, 'case')} of detections seen, ${low.length} blind, ${silent} of whose kind nothing arrived`,
          )
          return low.length
        }
      })
    addExamples(command, [
      ['the policy of this API server', 'dogwatch k8s blind --policy /etc/kubernetes/audit/policy.yaml'],
      ['what arrived in the last three days', 'dogwatch k8s blind --days 3'],
    ])
    command.addHelpText('after', '\nExit status 1: something is blind.')
  },
}
