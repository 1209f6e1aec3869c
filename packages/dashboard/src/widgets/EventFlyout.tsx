/** One event in full: its fields with filters on each value, the object, the rule, and why the rules judged as they did. */
import type { EventDocument } from '@dogwatch/client'
import { ActionIcon, Group, Skeleton, Tabs, TextInput, Tooltip } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useEvent, useItems } from '../data/hooks.ts'
import { client, may } from '../data/session.ts'
import { exactTime } from '../url/time-range.ts'
import { useAddFilter, usePageParam, useUrlState } from '../url/url-state.ts'
import { visibleText } from '../url/visible-text.ts'
import { CopyButton } from './CopyButton.tsx'
import { fieldNumber, fieldText, flatFields } from './document-fields.ts'
import { EmptyState } from './EmptyState.tsx'
import { ExplainView } from './ExplainView.tsx'
import { Flyout } from './Flyout.tsx'
import { Icon } from './icons.tsx'
import { LevelBadge } from './LevelBadge.tsx'
import { SafeText } from './SafeText.tsx'
import { Trouble } from './Trouble.tsx'

export interface EventFlyoutProps {
  /** Empty: closed. */
  readonly id: string
  /** Where the list has it; else it is asked for. */
  readonly document: EventDocument | null
  readonly onClose: () => void
  readonly onPrevious?: (() => void) | null
  readonly onNext?: (() => void) | null
  /** Columns of the list, to be added to from the fields. */
  readonly columns?: readonly string[]
  readonly onColumns?: (columns: readonly string[]) => void
}

export function EventFlyout({ id, document, onClose, onPrevious, onNext, columns, onColumns }: EventFlyoutProps) {
  const { index } = useUrlState()
  const [tab, setTab] = usePageParam('tab', 'table')
  const { data: found, error } = useEvent(document === null ? id : '', index)
  const shown = document ?? found?.document ?? null
  const level = shown === null ? null : fieldNumber(shown.source, 'rule.level')
  const title =
    shown === null ? (
      'Event'
    ) : (
      <>
        {level !== null && <LevelBadge level={level} />}{' '}
        <SafeText text={fieldText(shown.source, 'rule.description') || 'Event'} max={200} />
      </>
    )
  return (
    <Flyout isOpen={id !== ''} onClose={onClose} title={title}>
      {error !== null && document === null && <Trouble error={error} />}
      {shown === null && error === null && <Skeleton height={200} />}
      {shown !== null && (
        <>
          <Group justify="space-between" mb="xs" gap="xs">
            <span className="flyout-facts">
              {exactTime(shown.time_ms)} · id {shown.id}
            </span>
            <Group gap={4}>
              <Step label="Previous event" icon="previous" onClick={onPrevious ?? null} />
              <Step label="Next event" icon="next" onClick={onNext ?? null} />
            </Group>
          </Group>
          <Tabs value={tab} onChange={(next) => setTab(next ?? 'table')} keepMounted={false}>
            <Tabs.List mb="xs">
              <Tabs.Tab value="table">Table</Tabs.Tab>
              <Tabs.Tab value="json">JSON</Tabs.Tab>
              <Tabs.Tab value="rule">Rule</Tabs.Tab>
              {may('logtest:run') && <Tabs.Tab value="explain">Explain</Tabs.Tab>}
            </Tabs.List>
            <Tabs.Panel value="table">
              <FieldTable document={shown} columns={columns} onColumns={onColumns} />
            </Tabs.Panel>
            <Tabs.Panel value="json">
              <JsonView source={shown.source} />
            </Tabs.Panel>
            <Tabs.Panel value="rule">
              <RuleView source={shown.source} />
            </Tabs.Panel>
            <Tabs.Panel value="explain">
              <ExplainEvent id={shown.id} />
            </Tabs.Panel>
          </Tabs>
        </>
      )}
    </Flyout>
  )
}

function Step({
  label,
  icon,
  onClick,
}: {
  readonly label: string
  readonly icon: 'previous' | 'next'
  readonly onClick: (() => void) | null
}) {
  return (
    <ActionIcon variant="default" aria-label={label} disabled={onClick === null} onClick={() => onClick?.()}>
      <Icon name={icon} size={14} />
    </ActionIcon>
  )
}

interface FieldTableProps {
  readonly document: EventDocument
  readonly columns: readonly string[] | undefined
  readonly onColumns: ((columns: readonly string[]) => void) | undefined
}

function FieldTable({ document: { source }, columns, onColumns }: FieldTableProps) {
  const [wanted, setWanted] = useState('')
  const add = useAddFilter()
  const found = flatFields(source).filter(({ name, values }) =>
    `${name} ${values.join(' ')}`.toLowerCase().includes(wanted.toLowerCase()),
  )
  // Whole texts say again what the other fields say, and are long.
  const fields = [...found.filter(({ name }) => !isLong(name)), ...found.filter(({ name }) => isLong(name))]
  return (
    <>
      <TextInput
        aria-label="Find in this event"
        placeholder="Find in this event"
        value={wanted}
        onChange={({ currentTarget }) => setWanted(currentTarget.value)}
        mb="xs"
      />
      <table className="field-table" aria-label="Fields">
        <tbody>
          {fields.map(({ name, values }) => (
            <tr key={name}>
              <th scope="row">
                <span>{visibleText(name)}</span>
                {onColumns !== undefined && columns !== undefined && (
                  <Tooltip label={columns.includes(name) ? 'Remove the column' : 'Show as a column'}>
                    <ActionIcon
                      size={20}
                      aria-label={`${columns.includes(name) ? 'Remove the column' : 'Show as a column'}: ${visibleText(name)}`}
                      onClick={() =>
                        onColumns(columns.includes(name) ? columns.filter((each) => each !== name) : [...columns, name])
                      }
                    >
                      <Icon name="columns" size={12} />
                    </ActionIcon>
                  </Tooltip>
                )}
              </th>
              <td>
                {values.map((value, at) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: a list may hold a value twice
                  <div key={at} className="field-value">
                    <span className="field-text">
                      <SafeText text={value} max={8000} keepLines />
                    </span>
                    <span className="field-actions">
                      <ActionIcon
                        size={20}
                        aria-label={`Filter for ${visibleText(`${name}: ${value}`.slice(0, 100))}`}
                        onClick={() => add(name, value)}
                      >
                        <Icon name="filterFor" size={13} />
                      </ActionIcon>
                      <ActionIcon
                        size={20}
                        aria-label={`Filter out ${visibleText(`${name}: ${value}`.slice(0, 100))}`}
                        onClick={() => add(name, value, true)}
                      >
                        <Icon name="filterOut" size={13} />
                      </ActionIcon>
                    </span>
                  </div>
                ))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  )
}

function JsonView({ source }: { readonly source: EventDocument['source'] }) {
  const text = JSON.stringify(source, null, 2)
  return (
    <>
      <Group justify="flex-end" mb="xs">
        <CopyButton text={text} label="Copy the JSON" />
      </Group>
      <pre className="code-block" tabIndex={0}>
        <SafeText text={text} max={200_000} keepLines />
      </pre>
    </>
  )
}

function isLong(name: string): boolean {
  return name === 'full_log' || name === 'previous_output' || name === 'previous_log'
}

interface RuleItem {
  readonly id: number
  readonly level: number
  readonly description: string
  readonly filename: string
  readonly relative_dirname: string
  readonly groups: readonly string[]
  readonly details: Readonly<Record<string, unknown>>
}

function RuleView({ source }: { readonly source: EventDocument['source'] }) {
  const id = fieldText(source, 'rule.id')
  const { data, error } = useItems<RuleItem>('/rules', { rule_ids: id }, { enabled: /^\d{1,9}$/.test(id) })
  if (id === '')
    return (
      <EmptyState title="No rule matched this event">
        It is in the archives only because all events are kept.
      </EmptyState>
    )
  const rule = data?.items[0]
  const own = flatFields({ rule: source.rule })
  return (
    <>
      <h3 className="flyout-head">As it was when the alert was raised</h3>
      <FactTable facts={own.map(({ name, values }) => [name.replace(/^rule\./, ''), values.join(', ')])} />
      <h3 className="flyout-head">As it stands in the ruleset now</h3>
      {error !== null && <Trouble error={error} />}
      {data !== undefined && rule === undefined && <p>The ruleset in use has no rule {id}.</p>}
      {rule !== undefined && (
        <FactTable
          facts={[
            ['file', `${rule.relative_dirname}/${rule.filename}`],
            ['level', String(rule.level)],
            ['description', rule.description],
            ['groups', rule.groups.join(', ')],
            ...flatFields(rule.details).map(({ name, values }): [string, string] => [name, values.join(', ')]),
          ]}
        />
      )}
    </>
  )
}

/** Names and values, as a table with heads at the left. */
function FactTable({ facts }: { readonly facts: readonly (readonly [string, string])[] }) {
  return (
    <table className="field-table">
      <tbody>
        {facts.map(([name, value]) => (
          <tr key={name}>
            <th scope="row">{visibleText(name)}</th>
            <td>
              <SafeText text={value} keepLines />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function ExplainEvent({ id }: { readonly id: string }) {
  const { index } = useUrlState()
  const { data, error } = useQuery({
    queryKey: ['explain', index, id],
    queryFn: ({ signal }) => client.explain({ id, index }, signal),
    staleTime: 60_000,
  })
  if (error !== null) return <Trouble error={error} />
  return data === undefined ? <Skeleton height={200} /> : <ExplainView explanation={data.explanation} />
}
