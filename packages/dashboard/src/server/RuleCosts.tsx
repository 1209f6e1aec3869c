/** What rules and decoders cost: measured when somebody asks, over the newest events that the store has, on a thread beside those that judge. */
import { Button, Group } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { client, may } from '../data/session.ts'
import { DataTable } from '../widgets/DataTable.tsx'
import { EmptyState } from '../widgets/EmptyState.tsx'
import { countText } from '../widgets/number-text.ts'
import { PageLink } from '../widgets/PageLink.tsx'
import { Panel } from '../widgets/Panel.tsx'
import { SafeText } from '../widgets/SafeText.tsx'
import { Trouble } from '../widgets/Trouble.tsx'
import { costSentence, type Profile, type ProfileRow } from './rule-costs.ts'

/** Events that are looked at. */
const sampled = 2000

export function RuleCosts() {
  const { data, error, isPending, mutate } = useMutation({
    mutationFn: async () => {
      const body = { from: 'now-7d', limit: sampled }
      return (await client.call<{ data: Profile }>('POST', '/dogwatch/profile', { body })).data
    },
  })
  if (!may('logtest:run')) return null
  return (
    <Panel
      title="What rules cost"
      actions={
        <Button variant="default" h={26} px={8} loading={isPending} onClick={() => mutate()}>
          {data === undefined ? 'Measure' : 'Measure again'}
        </Button>
      }
    >
      {error !== null && <Trouble error={error} onRetry={() => mutate()} />}
      {data === undefined && error === null && (
        <EmptyState title="Not measured yet" icon="chart">
          Judges the newest events of the last seven days once more, with a clock at each rule and decoder. It takes a
          second or two and one thread.
        </EmptyState>
      )}
      {data !== undefined && (
        <>
          <p className="grid-count" role="status">
            {costSentence(data)}
          </p>
          {data.rows.length > 0 && (
            <DataTable<ProfileRow>
              label="Rules and decoders by CPU time"
              urlPrefix="p"
              csvName="rule-costs"
              source={{ rows: data.rows }}
              rowKey={({ kind, name, filename, line }) => `${kind} ${name} ${filename} ${line}`}
              columns={[
                {
                  id: 'name',
                  label: 'Rule or decoder',
                  isSortable: true,
                  render: (row) => <Name row={row} />,
                },
                { id: 'ms', label: 'CPU, ms', width: 90, isSortable: true, render: ({ ms }) => ms.toFixed(2) },
                { id: 'share', label: '%', width: 70, isSortable: true, render: ({ share }) => share.toFixed(1) },
                { id: 'hits', label: 'Hits', width: 80, isSortable: true, render: ({ hits }) => countText(hits) },
                {
                  id: 'runs',
                  label: 'Conditions run',
                  width: 130,
                  isSortable: true,
                  isWideOnly: true,
                  render: ({ runs }) => countText(runs),
                },
                {
                  id: 'alerts',
                  label: 'Alerts of 7 days',
                  width: 130,
                  isSortable: true,
                  isWideOnly: true,
                  render: ({ alerts }) => (alerts === undefined ? '' : countText(alerts)),
                },
                {
                  id: 'filename',
                  label: 'File',
                  isSortable: true,
                  isWideOnly: true,
                  render: ({ filename, line }) => <SafeText text={`${filename}:${line}`} max={200} />,
                },
              ]}
            />
          )}
        </>
      )}
    </Panel>
  )
}

function Name({ row: { kind, name } }: { readonly row: ProfileRow }) {
  return (
    <Group gap={6} wrap="nowrap">
      <span className="grid-count">{kind}</span>
      {kind === 'rule' ? (
        <PageLink to="/rules" parts={{ rule: name }}>
          <SafeText text={name} max={60} />
        </PageLink>
      ) : (
        <SafeText text={name} max={100} />
      )}
    </Group>
  )
}
