/** The page's start: styles, session, router. */
import '@mantine/core/styles.css'
import '@mantine/notifications/styles.css'
import './page.css'
import { RequestFailed } from '@dogwatch/client'
import { localStorageColorSchemeManager, MantineProvider } from '@mantine/core'
import { Notifications } from '@mantine/notifications'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { setNonce } from 'get-nonce'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { resumeSession } from './data/session.ts'
import { styleNonce } from './nonce.ts'
import { router } from './router.tsx'
import { LoginGate } from './shell/LoginGate.tsx'
import { cssVariables, theme } from './theme.ts'

// For the library that keeps a page from scrolling under a dialog.
setNonce(styleNonce())

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5000,
      refetchOnWindowFocus: false,
      // What the manager refuses with a reason will be refused again; a moment without an answer will pass.
      retry: (count, error) => count < 2 && error instanceof RequestFailed && [0, 401, 502, 504].includes(error.status),
    },
  },
})
const colorSchemes = localStorageColorSchemeManager({ key: 'dogwatch-color-scheme' })
const root = document.getElementById('root')
if (root === null) throw new Error('the page has no place for its content')

createRoot(root).render(
  <StrictMode>
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariables}
      defaultColorScheme="auto"
      colorSchemeManager={colorSchemes}
      getStyleNonce={styleNonce}
    >
      <Notifications position="bottom-right" />
      <QueryClientProvider client={queries}>
        <LoginGate>
          <RouterProvider router={router} />
        </LoginGate>
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
)
void resumeSession()
