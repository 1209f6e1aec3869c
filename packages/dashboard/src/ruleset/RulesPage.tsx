/** The rules in force: searched, one in detail with its conditions, and the files, which can be edited. */
import { Badge, Button, Group } from '@mantine/core'
import { useItems } from '../data/hooks.ts'
import { eventParts, usePageParam, useSetParts } from '../url/url-state.ts'
import { DataTable } from '../widgets/DataTable.tsx'
import { Flyout } from '../widgets/Flyout.tsx'
import { LevelBadge } from '../widgets/LevelBadge.tsx'
import { PageLink } from '../widgets/PageLink.tsx'
import { SafeText } from '../widgets/SafeText.tsx'
import { RulesetView } from './RulesetView.tsx'
import { isOwn, type RuleItem } from './ruleset-files.ts'

export default function RulesPage() {
  const [open, setOpen] = usePageParam('rule')
  return (
    <RulesetView kind="rules" title="Rules">
      <DataTable<RuleItem>
        label="Rules"
        source={{ path: '/rules' }}
        rowKey={({ id }) => String(id)}
        onRow={({ id }) => setOpen(String(id))}
        searchPlaceholder="Number, words, group, technique"
        csvName="rules"
        columns={[
          { id: 'id', label: 'ID', isSortable: true, width: 84 },
          {
            id: 'level',
            label: 'Level',
            isSortable: true,
            width: 74,
            render: ({ level }) => <LevelBadge level={level} />,
          },
          { id: 'description', label: 'Description', isSortable: true },
          {
            id: 'groups',
            label: 'Groups',
            isWideOnly: true,
            render: ({ groups }) => <SafeText text={groups.join(', ')} max={90} />,
          },
          { id: 'filename', label: 'File', isSortable: true, isWideOnly: true },
        ]}
      />
      <RuleFlyout id={open} onClose={() => setOpen('')} />
    </RulesetView>
  )
}

interface Condition {
  readonly element: string
  readonly name?: string
  readonly pattern: string
  readonly negate?: string
}

function RuleFlyout({ id, onClose }: { readonly id: string; readonly onClose: () => void }) {
  const { data } = useItems<RuleItem>('/rules', { rule_ids: id, limit: 1 }, { enabled: id !== '' })
  const setParts = useSetParts()
  const rule = data?.items.find((each) => String(each.id) === id)
  const { conditions, ...details } = rule?.details ?? {}
  const compliance = ['pci_dss', 'gdpr', 'hipaa', 'nist-800-53', 'tsc'] as const
  return (
    <Flyout
      isOpen={id !== ''}
      onClose={onClose}
      title={rule === undefined ? `Rule ${id}` : `Rule ${id}: ${rule.description}`}
    >
      {rule === undefined && data !== undefined && <p>There is no rule {id} in force.</p>}
      {rule !== undefined && (
        <>
          <dl className="rule-facts">
            <dt>Level</dt>
            <dd>
              <LevelBadge level={rule.level} />
            </dd>
            <dt>File</dt>
            <dd>
              {rule.relative_dirname}/{rule.filename}, line {rule.line}
            </dd>
            <dt>Groups</dt>
            <dd>
              <SafeText text={rule.groups.join(', ')} max={600} />
            </dd>
            {rule.mitre.length > 0 && (
              <>
                <dt>ATT&CK</dt>
                <dd>
                  {rule.mitre.map((technique) => (
                    <Badge key={technique} variant="light" mr={6}>
                      {technique}
                    </Badge>
                  ))}
                </dd>
              </>
            )}
            {compliance.map((name) =>
              rule[name].length === 0 ? null : <Fact key={name} name={name} value={rule[name].join(', ')} />,
            )}
            {Object.entries(details).map(([name, value]) => (
              <Fact key={name} name={name} value={typeof value === 'string' ? value : JSON.stringify(value)} />
            ))}
          </dl>
          {Array.isArray(conditions) && conditions.length > 0 && (
            <>
              <h3>Conditions, all of which must hold</h3>
              <dl className="rule-facts">
                {(conditions as readonly Condition[]).map((condition) => (
                  <Fact
                    key={`${condition.element} ${condition.name ?? ''} ${condition.pattern}`}
                    name={`${condition.name ?? condition.element}${condition.negate === undefined ? '' : ' is not'}`}
                    value={condition.pattern}
                    isCode
                  />
                ))}
              </dl>
            </>
          )}
          <Group gap="xs">
            <Button
              variant="default"
              onClick={() => setParts({ rule: undefined, file: rule.filename, folder: rule.relative_dirname })}
            >
              {isOwn(rule) ? 'Edit its file' : 'Show its file'}
            </Button>
            <PageLink to="/discover" parts={eventParts({ query: `rule.id:${rule.id}` })}>
              Its alerts
            </PageLink>
          </Group>
        </>
      )}
    </Flyout>
  )
}

function Fact({
  name,
  value,
  isCode = false,
}: {
  readonly name: string
  readonly value: string
  readonly isCode?: boolean
}) {
  return (
    <>
      <dt>{name}</dt>
      <dd>
        {isCode ? (
          <code>
            <SafeText text={value} max={2000} />
          </code>
        ) : (
          <SafeText text={value} max={2000} />
        )}
      </dd>
    </>
  )
}
