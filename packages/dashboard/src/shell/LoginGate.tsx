/** Shows the login until somebody is logged in, then what it holds. */
import { Alert, Button, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { type ReactNode, type SyntheticEvent, useEffect, useState } from 'react'
import { login, useSession } from '../data/session.ts'
import { Logo } from '../widgets/icons.tsx'
import { PageLoading } from './PageLoading.tsx'

export function LoginGate({ children }: { readonly children: ReactNode }) {
  const session = useSession()
  const queries = useQueryClient()
  const isIn = session.status === 'in'
  useEffect(() => {
    // What one user has seen is not left for the next.
    if (!isIn) queries.clear()
  }, [isIn, queries])
  if (session.status === 'unknown') return <PageLoading />
  return isIn ? children : <LoginForm says={session.says} />
}

function LoginForm({ says }: { readonly says: string | null }) {
  const [user, setUser] = useState('')
  const [password, setPassword] = useState('')
  const [problem, setProblem] = useState<string | null>(null)
  const [isBusy, setBusy] = useState(false)
  useEffect(() => {
    document.title = 'Log in · Dogwatch'
  }, [])
  const submit = (event: SyntheticEvent) => {
    event.preventDefault()
    setBusy(true)
    setProblem(null)
    login(user.trim(), password)
      .catch((error: unknown) => {
        setProblem(error instanceof Error ? error.message : 'That did not work.')
        setPassword('')
      })
      .finally(() => setBusy(false))
  }
  return (
    <main className="login">
      <Paper withBorder p="xl" w="100%" maw={380} radius="md">
        <form onSubmit={submit}>
          <Stack gap="md">
            <div className="login-head">
              <Logo size={34} />
              <Title order={1}>Dogwatch</Title>
            </div>
            {(problem ?? says) !== null && (
              <Alert color={problem === null ? 'blue' : 'red'} role="alert" p="xs">
                {problem ?? says}
              </Alert>
            )}
            <TextInput
              size="sm"
              label="User name"
              autoComplete="username"
              autoFocus
              required
              withAsterisk={false}
              value={user}
              maxLength={64}
              onChange={({ currentTarget }) => setUser(currentTarget.value)}
            />
            <PasswordInput
              label="Password"
              autoComplete="current-password"
              required
              withAsterisk={false}
              value={password}
              onChange={({ currentTarget }) => setPassword(currentTarget.value)}
            />
            <Button type="submit" size="sm" loading={isBusy} fullWidth>
              Log in
            </Button>
            <Text size="xs" c="dimmed">
              The first start of the manager prints the password of the user <code>admin</code>, this once, where it was
              started. In a cluster: <code>kubectl logs</code> of the manager’s pod.
            </Text>
          </Stack>
        </form>
      </Paper>
    </main>
  )
}
