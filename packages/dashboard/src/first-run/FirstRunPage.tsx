/** How to send the first event, and whether it has come: the line to paste, and a sign that turns green. */
import { Alert, Button, Group, Loader, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { client } from '../data/session.ts'
import { useLiveTail } from '../data/use-live-tail.ts'
import { exactTime } from '../url/time-range.ts'
import { CopyButton } from '../widgets/CopyButton.tsx'
import { fieldText } from '../widgets/document-fields.ts'
import { Icon } from '../widgets/icons.tsx'
import { PageHead } from '../widgets/PageHead.tsx'
import { PageLink } from '../widgets/PageLink.tsx'
import { Panel } from '../widgets/Panel.tsx'
import { SafeText } from '../widgets/SafeText.tsx'
import { Trouble } from '../widgets/Trouble.tsx'

export default function FirstRunPage() {
  const { data, error } = useQuery({ queryKey: ['first-event'], queryFn: () => client.firstEvent() })
  return (
    <>
      <PageHead title="First event" />
      <div className="panels" data-columns="1">
        <Panel title="1. Send a sample event">
          <Stack gap="xs">
            <Text size="sm">
              On the manager’s machine, in a shell, as the user that started it. It posts what a Kubernetes API server
              would when somebody creates a deployment; the token is read from the manager’s home.
            </Text>
            {error !== null && <Trouble error={error} />}
            {data?.command === null && (
              <Alert color="yellow">
                The webhook is off (&lt;webhook&gt; in ossec.conf), so no cluster can send events.
              </Alert>
            )}
            {typeof data?.command === 'string' && (
              <>
                <pre className="code-block first-command" tabIndex={0}>
                  {data.command}
                </pre>
                <Group>
                  <CopyButton text={data.command} label="Copy the line" />
                </Group>
              </>
            )}
          </Stack>
        </Panel>
        <Panel title="2. See it arrive">
          <Arrival />
        </Panel>
        <Panel title="3. Connect a cluster">
          <Text size="sm">
            An API server sends its audit events to the webhook: a kubeconfig with the webhook’s address and token as{' '}
            <code>--audit-webhook-config-file</code>, and an audit policy. Managed clusters send theirs through their
            cloud’s log service. The documentation that comes with this version has a page on each.
          </Text>
        </Panel>
      </div>
    </>
  )
}

function Arrival() {
  const { documents, isFollowing, trouble } = useLiveTail(true)
  const newest = documents[0]
  if (newest !== undefined) {
    return (
      <Alert color="green" icon={<Icon name="check" />} title="It has arrived" role="status">
        <p className="arrival-text">
          <SafeText text={fieldText(newest.source, 'rule.description')} max={200} /> (rule{' '}
          {fieldText(newest.source, 'rule.id')}), {exactTime(newest.time_ms)}
        </p>
        <PageLink to="/discover" parts={{ open: newest.id }}>
          Open it
        </PageLink>
      </Alert>
    )
  }
  return (
    <Group gap="sm" role="status">
      {isFollowing ? <Loader size="xs" /> : <Icon name="clock" />}
      <span>
        {trouble ?? (isFollowing ? 'Waiting for an alert. It shows here the moment it comes.' : 'Connecting')}
      </span>
      <Button variant="subtle" component="a" href="/app/discover">
        Alerts that came before
      </Button>
    </Group>
  )
}
