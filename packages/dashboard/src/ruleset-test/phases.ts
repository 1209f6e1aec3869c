/** The answer of a test by the three phases that people know from the command. */
import type { FlatField } from '../widgets/document-fields.ts'

export interface Phase {
  readonly title: string
  readonly facts: readonly (readonly [name: string, value: string])[]
}

/** The fields of an answer, each in its phase: what the header gave, what the decoder gave, what the rules gave. */
export function logtestPhases(fields: readonly FlatField[]): readonly Phase[] {
  const facts = (isWanted: (name: string) => boolean, cut: string) =>
    fields
      .filter(({ name }) => isWanted(name))
      .map(({ name, values }) => [name.startsWith(cut) ? name.slice(cut.length) : name, values.join(', ')] as const)
  return [
    {
      title: 'Phase 1: pre-decoding',
      facts: facts((name) => name === 'full_log' || name.startsWith('predecoder.'), 'predecoder.'),
    },
    {
      title: 'Phase 2: decoding',
      facts: facts(
        (name) => name.startsWith('decoder.') || name.startsWith('data.') || name.startsWith('syscheck.'),
        'data.',
      ),
    },
    { title: 'Phase 3: rules', facts: facts((name) => name.startsWith('rule.'), 'rule.') },
  ]
}
