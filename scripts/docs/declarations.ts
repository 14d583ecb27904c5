// The public declarations of the packages, from the `.d.ts` files that `tsc -b` writes: one record per exported name.
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type InterfaceDeclaration,
  isExpressionWithTypeArguments,
  isIdentifier,
  isInterfaceDeclaration,
  isQualifiedName,
  isTypeReferenceNode,
  type Node,
} from 'typescript/unstable/ast'
import { API, type Checker, type Symbol as CompilerSymbol, type Project, SymbolFlags } from 'typescript/unstable/sync'
import { commentOf, flatText, type Inherited, statementOf, textOf } from './declaration-text.ts'

export interface ApiPackage {
  /** Import name, such as `@parley/client`. */
  name: string
  /** Folder below `packages`. */
  folder: string
  declarations: readonly Declaration[]
  /** Names of other packages that this package exports again. */
  others: readonly Mention[]
}

/** Where the reference documents a name. */
export interface Mention {
  name: string
  /** `class`, `interface`, `type`, `function` or `const`; a schema is a `const`. */
  kind: string
  /** Folder of its package. */
  folder: string
  /** The source file below `src` of its package, without extension. */
  module: string
}

/** An exported name. A schema and the type inferred from it share one. */
export interface Declaration extends Mention {
  /** Import names of its entry points, such as `@parley/client/sessions`. */
  entries: readonly string[]
  /** TypeScript text without `export`, with the comments of members. */
  text: string
  /** Its own comment, without the comment marks. */
  comment: string
  /** The exported declarations that `text` mentions. */
  mentions: readonly Mention[]
}

interface Entry {
  folder: string
  specifier: string
  file: string
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const FOLDERS = ['server', 'client', 'spacebar', 'core', 'protocol']
const KINDS: readonly (readonly [SymbolFlags, string])[] = [
  [SymbolFlags.Class, 'class'],
  [SymbolFlags.Interface, 'interface'],
  [SymbolFlags.Function, 'function'],
  [SymbolFlags.Variable, 'const'],
  [SymbolFlags.TypeAlias, 'type'],
]

/** Throws if a public declaration mentions a type that its package does not export. */
export function readPackages(): ApiPackage[] {
  const entries = FOLDERS.flatMap(entriesOf)
  const api = new API({ cwd: ROOT })
  try {
    const snapshot = api.updateSnapshot({ openFiles: entries.map(({ file }) => file) })
    const project = snapshot.getDefaultProjectForFile(entries[0]!.file)
    if (project === undefined) throw new Error('expected declarations: run tsc -b')
    return new Reader(project, entries).packages()
  } finally {
    api.close()
  }
}

function entriesOf(folder: string): Entry[] {
  const manifest = JSON.parse(readFileSync(`${ROOT}packages/${folder}/package.json`, 'utf8')) as {
    name: string
    exports: Record<string, { types: string } | string>
  }
  // An export without types is a file for other programs.
  return Object.entries(manifest.exports).flatMap(([path, target]) => {
    if (typeof target === 'string') return []
    const file = `${ROOT}packages/${folder}/${target.types.slice(2)}`
    return [{ folder, specifier: manifest.name + path.slice(1), file }]
  })
}

/** An exported symbol before its conversion to a `Declaration`. */
interface Found {
  symbol: CompilerSymbol
  entries: Entry[]
}

interface Flattened {
  node: InterfaceDeclaration
  bases: readonly Node[]
  inherited: readonly Inherited[]
}

class Reader {
  readonly #project: Project
  readonly #checker: Checker
  /** Symbols by the place of their declaration, because aliases of one symbol have the same place. */
  readonly #found = new Map<string, Found>()
  readonly #unexported = new Set<string>()

  constructor(project: Project, entries: readonly Entry[]) {
    this.#project = project
    this.#checker = project.checker
    for (const entry of entries)
      for (const symbol of this.#exportsOf(entry.file)) {
        const key = placeOf(symbol)
        const found = this.#found.get(key) ?? { symbol, entries: [] }
        this.#found.set(key, found)
        found.entries.push(entry)
      }
  }

  packages(): ApiPackage[] {
    const packages = FOLDERS.map(folder => {
      const exported = [...this.#found.values()].filter(({ entries }) => entries.some(entry => entry.folder === folder))
      const declarations = exported
        .filter(({ symbol }) => folderOf(symbol) === folder)
        .map(each => this.#declaration(each))
      const others = exported.map(({ symbol }) => mentionOf(symbol)).filter(mention => mention.folder !== folder)
      return { name: `@parley/${folder}`, folder, declarations, others }
    })
    if (this.#unexported.size > 0) throw new Error([...this.#unexported].join('\n'))
    return packages
  }

  #exportsOf(file: string): CompilerSymbol[] {
    const source = this.#project.program.getSourceFile(file)
    const module = source && this.#checker.getSymbolAtLocation(source)
    if (module === undefined) throw new Error(`${relative(ROOT, file)} is missing: run tsc -b`)
    return this.#checker.getExportsOfModule(module).map(symbol => this.#original(symbol))
  }

  #original(symbol: CompilerSymbol): CompilerSymbol {
    return symbol.flags & SymbolFlags.Alias ? this.#checker.getAliasedSymbol(symbol) : symbol
  }

  #declaration({ symbol, entries }: Found): Declaration {
    const mention = mentionOf(symbol)
    const { name, folder, module } = mention
    const nodes = this.#nodesOf(symbol)
    return {
      ...mention,
      entries: entries.map(({ specifier }) => specifier),
      text: this.#withPrivate(nodes)
        .map(node => this.#textOf(node, `${ROOT}packages/${folder}/src/${module}.ts`))
        .join('\n'),
      comment: nodes.map(commentOf).find(comment => comment !== '') ?? '',
      mentions: nodes.flatMap(node => this.#mentions(node, `${name} of ${folder}`)),
    }
  }

  #mentions(node: Node, where: string): Mention[] {
    return this.#referred(node).flatMap(symbol => {
      if (this.#found.has(placeOf(symbol))) return [mentionOf(symbol)]
      if (!this.#isPrivate(symbol)) this.#unexported.add(`${where} mentions ${symbol.name}: export it`)
      return []
    })
  }

  /** The nodes, followed by the types of the same module that they mention and that the module does not export. */
  #withPrivate(nodes: readonly Node[]): Node[] {
    const all = [...nodes]
    for (const node of all) {
      const symbols = this.#referred(node).filter(symbol => this.#isPrivate(symbol))
      for (const each of symbols.flatMap(symbol => this.#nodesOf(symbol))) if (!all.includes(each)) all.push(each)
    }
    return all
  }

  #isPrivate(symbol: CompilerSymbol): boolean {
    return this.#nodesOf(symbol).every(node => !statementOf(node).getText().startsWith('export'))
  }

  #textOf(node: Node, source: string): string {
    const flat = this.#flattened(node)
    return flat === undefined ? textOf(node, source) : flatText(flat.node, flat.bases, flat.inherited)
  }

  /** The interface without its unexported bases; undefined if all bases are exported. */
  #flattened(node: Node): Flattened | undefined {
    if (!isInterfaceDeclaration(node)) return undefined
    const all = node.heritageClauses?.flatMap(({ types }) => [...types]) ?? []
    const bases = all.filter(base => this.#symbolsIn(base).every(symbol => this.#found.has(placeOf(symbol))))
    if (bases.length === all.length) return undefined
    const kept = new Set(bases.flatMap(base => this.#propertiesAt(base)).map(({ name }) => name))
    const inherited = this.#propertiesAt(node).flatMap(({ name, flags, declarations }) => {
      const declaration = declarations[0]?.resolve(this.#project)
      if (declaration === undefined || declaration.parent === node || kept.has(name)) return []
      return [{ name, node: declaration, isOptional: (flags & SymbolFlags.Optional) !== 0 }]
    })
    return { node, bases, inherited }
  }

  #propertiesAt(node: Node): readonly CompilerSymbol[] {
    const type = this.#checker.getTypeAtLocation(node)
    return type === undefined ? [] : this.#checker.getPropertiesOfType(type)
  }

  /** The symbols of the packages that a declaration mentions. */
  #referred(node: Node): CompilerSymbol[] {
    const flat = this.#flattened(node)
    if (flat === undefined) return this.#symbolsIn(node)
    const parts = [...flat.bases, ...flat.node.members, ...flat.inherited.map(({ node }) => node)]
    return parts.flatMap(part => this.#symbolsIn(part))
  }

  #symbolsIn(node: Node): CompilerSymbol[] {
    const symbols: CompilerSymbol[] = []
    const visit = (child: Node): void => {
      const name = referredName(child)
      const symbol = name && this.#checker.getSymbolAtLocation(name)
      const original = symbol && this.#original(symbol)
      if (original !== undefined && isOurs(original)) symbols.push(original)
      child.forEachChild(visit)
    }
    visit(node)
    return symbols
  }

  #nodesOf({ declarations }: CompilerSymbol): Node[] {
    return declarations.map(handle => {
      const node = handle.resolve(this.#project)
      if (node === undefined) throw new Error(`no declaration at ${handle.path}`)
      return node
    })
  }
}

const placeOf = ({ name, declarations }: CompilerSymbol) => `${declarations[0]?.path} ${name}`
function mentionOf({ name, flags, declarations }: CompilerSymbol): Mention {
  const [, folder = '', module = ''] = /\/packages\/(\w+)\/dist\/(.+)\.d\.ts$/.exec(declarations[0]!.path) ?? []
  const [, kind = ''] = KINDS.find(([flag]) => (flags & flag) !== 0) ?? []
  return { name, kind, folder, module }
}
const folderOf = (symbol: CompilerSymbol) => mentionOf(symbol).folder
const isOurs = ({ flags, declarations }: CompilerSymbol) =>
  (flags & SymbolFlags.TypeParameter) === 0 && (declarations[0]?.path.includes('/packages/') ?? false)

/**
 * The type or base that a node names. `typeof schema` is omitted, because schemas are documented with the settings or messages.
 */
function referredName(node: Node): Node | undefined {
  let name: Node | undefined
  if (isTypeReferenceNode(node)) name = node.typeName
  else if (isExpressionWithTypeArguments(node)) name = node.expression
  while (name !== undefined && isQualifiedName(name)) name = name.left
  return name !== undefined && isIdentifier(name) ? name : undefined
}
