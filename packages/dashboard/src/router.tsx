/** The routes, made from the menu: one page each, under one frame. */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router'
import { menu } from './menu.ts'
import { pageFiles } from './page-files.ts'
import { NotFound } from './shell/NotFound.tsx'
import { PageFailed } from './shell/PageFailed.tsx'
import { PageLoading } from './shell/PageLoading.tsx'
import { Shell } from './shell/Shell.tsx'

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NotFound,
  errorComponent: PageFailed,
  // Each part is read, and doubted, where it is used (url/url-state.ts).
  validateSearch: (parts: Record<string, unknown>) => parts,
})

const pages = menu.map(({ id, path }) =>
  createRoute({ getParentRoute: () => root, path, component: lazyRouteComponent(pageFiles[id]) }),
)

export const router = createRouter({
  routeTree: root.addChildren(pages),
  basepath: '/app',
  defaultPreload: 'intent',
  defaultPendingComponent: PageLoading,
  defaultErrorComponent: PageFailed,
  defaultNotFoundComponent: NotFound,
})
