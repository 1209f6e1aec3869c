/** The menu, by category; pages that the user may not see are left out. */
import { ScrollArea } from '@mantine/core'
import { may, useSession } from '../data/session.ts'
import { type MenuEntry, menu } from '../menu.ts'
import { PageLink } from '../widgets/PageLink.tsx'

const categories = [...new Set(menu.map(({ category }) => category))]

export function MenuColumn({ current }: { readonly current: MenuEntry | undefined }) {
  useSession() // whose permissions may() reads
  return (
    <ScrollArea type="auto" h="100%" scrollbarSize={6}>
      <nav aria-label="Pages">
        {categories.map((category) => {
          const entries = menu.filter((entry) => entry.category === category && may(entry.needs))
          if (entries.length === 0) return null
          const headId = `menu-${category.toLowerCase()}`
          return (
            <section key={category} className="menu-group" aria-labelledby={headId}>
              <h2 id={headId}>{category}</h2>
              <ul>
                {entries.map(({ path, label }) => (
                  <li key={path}>
                    <PageLink
                      to={path}
                      className="menu-link"
                      aria-current={path === current?.path ? 'page' : undefined}
                    >
                      {label}
                    </PageLink>
                  </li>
                ))}
              </ul>
            </section>
          )
        })}
      </nav>
    </ScrollArea>
  )
}
