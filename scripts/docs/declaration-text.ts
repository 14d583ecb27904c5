// The text of a declaration and its comment, from its node in a `.d.ts` file.
import { readFileSync } from 'node:fs'
import {
  type InterfaceDeclaration,
  isPropertySignatureDeclaration,
  isVariableDeclaration,
  type Node,
} from 'typescript/unstable/ast'

/** The declaration of a variable is part of a statement. */
export const statementOf = (node: Node): Node => (isVariableDeclaration(node) ? node.parent.parent : node)

/** The text without `export declare`. `source` is the source file of the declaration. */
export function textOf(node: Node, source: string): string {
  const text = statementOf(node)
    .getText()
    .replace(/^(export )?(declare )?/, '')
    .replace(/^ +#private;\n/m, '')
    .replace(/^ +/gm, indent => ' '.repeat(Math.ceil(indent.length / 2)))
  const [, value] = /^const (\w+): (?:z\.|\{|readonly \[)/.exec(text) ?? []
  return value === undefined ? text : valueText(value, source)
}

/** Schemas, tables and lists are documented with their source text, which is easier to read than their type. */
function valueText(name: string, source: string): string {
  const statement = new RegExp(`^export (const ${name} = .*\\n(?:\\n*[ })\\]].*\\n)*)`, 'm')
  const [, text] = statement.exec(readFileSync(source, 'utf8')) ?? []
  if (text === undefined) throw new Error(`expected const ${name} in ${source}`)
  return text.trimEnd()
}

/** A property that an interface inherits. */
export interface Inherited {
  name: string
  node: Node
  isOptional: boolean
}

/** The text of an interface that lists inherited properties instead of the bases that it inherits them from. */
export function flatText(node: InterfaceDeclaration, bases: readonly Node[], inherited: readonly Inherited[]): string {
  const own = node.members.map(member => `${withComment(member.getText(), commentOf(member))}`)
  const others = inherited.map(({ name, node, isOptional }) => {
    const type = isPropertySignatureDeclaration(node) ? node.type?.getText() : undefined
    if (type === undefined) throw new Error(`expected a property ${name}`)
    return withComment(`${name}${isOptional ? '?' : ''}: ${type};`, commentOf(node))
  })
  const members = [...own, ...others].map(member => member.replace(/^/gm, '  '))
  const kept = bases.length > 0 ? ` extends ${bases.map(base => base.getText()).join(', ')}` : ''
  return `interface ${node.name.getText()}${kept} {\n${members.join('\n')}\n}`
}

/** The comment of a declaration, without the comment marks; empty if there is none. */
export function commentOf(node: Node): string {
  const statement = statementOf(node)
  const full = statement.getFullText()
  const leading = full.slice(0, full.length - statement.getText().length)
  const [, comment = ''] = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*$/.exec(leading) ?? []
  return comment.replace(/^\s*\* ?/gm, '').trim()
}

/** A declaration below its comment. */
export function withComment(text: string, comment: string): string {
  if (comment === '') return text
  const marked = comment.includes('\n') ? `/**\n${comment.replace(/^/gm, ' * ')}\n */` : `/** ${comment} */`
  return `${marked}\n${text}`
}
