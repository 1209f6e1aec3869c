/** The frame of every page: menu at the left, bar at the top, and, where a page is about events, the query bar. */
import { ActionIcon, AppShell, Burger, Group, Menu, UnstyledButton, useMantineColorScheme } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { Link, Outlet, useLocation } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { logout, may, useSession } from '../data/session.ts'
import { type MenuEntry, menu } from '../menu.ts'
import { EmptyState } from '../widgets/EmptyState.tsx'
import { Icon, Logo } from '../widgets/icons.tsx'
import { BelowTitle } from '../widgets/PageHead.tsx'
import { FilterBar } from './FilterBar.tsx'
import { MenuColumn } from './MenuColumn.tsx'
import { StoreStrip } from './StoreStrip.tsx'

export function Shell() {
  const [isOpen, { toggle, close }] = useDisclosure()
  const { pathname } = useLocation()
  const current = entryAt(pathname)
  const main = useRef<HTMLElement>(null)
  const former = useRef(pathname)
  useEffect(() => {
    document.title = `${current?.label ?? 'Not found'} · Dogwatch`
    // Another page: readers by ear begin at its head, and the menu of a narrow screen makes room.
    if (former.current === pathname) return
    former.current = pathname
    close()
    main.current?.focus({ preventScroll: true })
    window.scrollTo(0, 0)
  }, [pathname, current, close])
  const isAllowed = current === undefined || may(current.needs)
  return (
    <AppShell
      header={{ height: 44 }}
      navbar={{ width: 208, breakpoint: 'sm', collapsed: { mobile: !isOpen } }}
      padding="md"
      transitionDuration={0}
    >
      <a className="skip-link" href="#main">
        Skip to the content
      </a>
      <AppShell.Header className="top-bar">
        <Group gap="sm" wrap="nowrap">
          <Burger opened={isOpen} onClick={toggle} hiddenFrom="sm" size="sm" aria-label="Menu" aria-expanded={isOpen} />
          <Link to="/" className="brand">
            <Logo size={22} />
            <span>Dogwatch</span>
          </Link>
        </Group>
        <Group gap={2} wrap="nowrap">
          <SchemeMenu />
          <UserMenu />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar className="menu-column">
        <MenuColumn current={current} />
      </AppShell.Navbar>
      <AppShell.Main>
        <StoreStrip />
        <main id="main" ref={main} tabIndex={-1}>
          {isAllowed ? (
            <BelowTitle value={current?.hasQuery === true ? <FilterBar /> : null}>
              <Outlet />
            </BelowTitle>
          ) : (
            <EmptyState title="Not for this user" icon="lock">
              This page needs the permission <code>{current.needs}</code>. Whoever administers users can give it with a
              role.
            </EmptyState>
          )}
        </main>
      </AppShell.Main>
    </AppShell>
  )
}

function entryAt(pathname: string): MenuEntry | undefined {
  const path = pathname.replace(/\/$/, '') || '/'
  return menu.find((entry) => entry.path === path)
}

const schemes = [
  { name: 'light', label: 'Light', icon: 'sun' },
  { name: 'dark', label: 'Dark', icon: 'moon' },
  { name: 'auto', label: 'As the system', icon: 'screen' },
] as const

function SchemeMenu() {
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const chosen = schemes.find(({ name }) => name === colorScheme) ?? schemes[2]
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon size="lg" aria-label={`Colours: ${chosen.label}`}>
          <Icon name={chosen.icon} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {schemes.map(({ name, label, icon }) => (
          <Menu.Item key={name} leftSection={<Icon name={icon} />} onClick={() => setColorScheme(name)}>
            {label}
            {name === colorScheme && <span className="visually-hidden"> (chosen)</span>}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}

function UserMenu() {
  const session = useSession()
  const name = session.status === 'in' ? session.me.username : ''
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <UnstyledButton className="user-button" aria-label={`User ${name}`}>
          <Icon name="user" />
          <span className="user-name">{name}</span>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        {may('security:read') && (
          <Menu.Item component={Link} to="/users">
            Users and roles
          </Menu.Item>
        )}
        <Menu.Item onClick={() => void logout()}>Log out everywhere</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
