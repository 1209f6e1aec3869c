/** Why an event ended as it did: decoders and rules that were tried, in order, and of each the first condition that failed. */

import { EmptyState } from './EmptyState.tsx'
import { LevelBadge } from './LevelBadge.tsx'
import { SafeText } from './SafeText.tsx'

/** As `/dogwatch/explain` tells it (packages/engine/src/explain.ts). */
interface RuleStep {
  readonly rule: number
  readonly level: number
  readonly description: string
  readonly file: string
  readonly line: number
  readonly matched: boolean
  readonly failed?: {
    readonly element: string
    readonly name?: string
    readonly wanted: string
    readonly negate?: boolean
    readonly lookedAt: string | null
  }
  readonly state?: string
  readonly children: readonly RuleStep[]
  readonly otherDecoders: number
}

interface DecoderStep {
  readonly decoder: string
  readonly file: string
  readonly line: number
  readonly tried: string
  readonly pattern: string
  readonly lookedAt: string
  readonly matched: boolean
}

interface Explanation {
  readonly decoder: string | null
  readonly decoders: readonly DecoderStep[]
  readonly category: string
  readonly rules: readonly RuleStep[]
  readonly result: number | null
  readonly alert: boolean
}

export function ExplainView({ explanation }: { readonly explanation: unknown }) {
  if (!isExplanation(explanation)) return <EmptyState title="There is no explanation of this event" />
  const { decoder, decoders, category, rules, result, alert } = explanation
  return (
    <div className="explain">
      <p>
        {result === null ? 'No rule matched' : `It ended in rule ${result}`}
        {alert ? ', which is an alert.' : ', so there is no alert.'}
      </p>
      <h3 className="flyout-head">Decoders</h3>
      <p>
        {decoder === null ? 'No decoder knew the text' : `Decoded by ${decoder}`}; category {category}.
      </p>
      <ul className="explain-steps">
        {decoders.map((step, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a decoder may be tried twice
          <li key={at} data-matched={step.matched}>
            <Mark isMatch={step.matched} /> <b>{step.decoder}</b> {step.tried}{' '}
            <code>
              <SafeText text={step.pattern} max={300} />
            </code>
            <Place file={step.file} line={step.line} />
            {!step.matched && <LookedAt text={step.lookedAt} />}
          </li>
        ))}
      </ul>
      <h3 className="flyout-head">Rules</h3>
      <RuleSteps steps={rules} />
    </div>
  )
}

function RuleSteps({ steps }: { readonly steps: readonly RuleStep[] }) {
  return (
    <ul className="explain-steps">
      {steps.map((step) => (
        <li key={step.rule} data-matched={step.matched}>
          <Mark isMatch={step.matched} /> <LevelBadge level={step.level} /> <b>{step.rule}</b>{' '}
          <SafeText text={step.description} max={200} />
          <Place file={step.file} line={step.line} />
          {step.state !== undefined && <div className="explain-why">{step.state}</div>}
          {step.failed !== undefined && (
            <div className="explain-why">
              {step.failed.element}
              {step.failed.name === undefined ? '' : ` ${step.failed.name}`}{' '}
              {step.failed.negate === true ? 'must not be' : 'must be'}{' '}
              <code>
                <SafeText text={step.failed.wanted} max={300} />
              </code>
              <LookedAt text={step.failed.lookedAt} />
            </div>
          )}
          {step.otherDecoders > 0 && (
            <div className="explain-why">{step.otherDecoders} more are for other decoders</div>
          )}
          {step.children.length > 0 && <RuleSteps steps={step.children} />}
        </li>
      ))}
    </ul>
  )
}

function Mark({ isMatch }: { readonly isMatch: boolean }) {
  return (
    <span className="explain-mark" role="img" aria-label={isMatch ? 'matched' : 'did not match'}>
      {isMatch ? '✓' : '✗'}
    </span>
  )
}

function Place({ file, line }: { readonly file: string; readonly line: number }) {
  return (
    <span className="explain-place">
      {file.split('/').at(-1)}:{line}
    </span>
  )
}

function LookedAt({ text }: { readonly text: string | null }) {
  return (
    <div className="explain-why">
      {text === null ? (
        'the event has no such part'
      ) : (
        <>
          it saw{' '}
          <code>
            <SafeText text={text} max={300} />
          </code>
        </>
      )}
    </div>
  )
}

function isExplanation(value: unknown): value is Explanation {
  return (
    typeof value === 'object' && value !== null && 'rules' in value && Array.isArray(value.rules) && 'decoders' in value
  )
}
