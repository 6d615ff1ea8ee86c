import {
  type GraphQLArgument,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
} from 'graphql';
import { PEOPLE, picture } from './fakeEngine.ts';

/** A field of the query or mutation type, for tests that must not forget one. */
export interface RootField {
  readonly kind: 'query' | 'mutation';
  readonly name: string;
  /** The last words of its description, e.g. `detect` of "Scope `detect`."; `any` valid key. */
  readonly scope: string | undefined;
  /** An operation with a value for each argument that needs one. */
  operation(options?: OperationOptions): string;
}

export interface OperationOptions {
  /** Node ids by type, for arguments that take one; of nothing that exists when absent. */
  readonly ids?: Readonly<Record<string, string>>;
  /** How deep to ask for everything; only for `__typename` when absent. */
  readonly depth?: number;
}

const NODES = ['ApiKey', 'Gallery', 'Identity', 'Face', 'Job', 'Edit'];
// Of two arguments one is needed, which a schema cannot say.
const NEEDED: Readonly<Record<string, string>> = {
  cluster: 'gallery',
  identify: 'gallery',
  searchByEmbedding: 'gallery',
};
const IMAGE = Buffer.from(picture(PEOPLE.green)).toString('base64');

/** Every root field of a schema. */
export function rootFields(schema: GraphQLSchema): RootField[] {
  const roots = [
    ['query', schema.getQueryType()],
    ['mutation', schema.getMutationType()],
  ] as const;
  return roots.flatMap(([kind, type]) =>
    Object.values(type?.getFields() ?? {}).map((field) => ({
      kind,
      name: field.name,
      scope: /Any valid key\.$/.test(field.description ?? '')
        ? 'any'
        : field.description?.match(/Scope `([a-z:]+)`\.$/)?.[1],
      operation({ ids = {}, depth = 0 }: OperationOptions = {}) {
        const given = field.args
          .filter((arg) => isRequiredArgument(arg) || NEEDED[field.name] === arg.name)
          .map((arg) => `${arg.name}: ${literal(arg, field.name, ids)}`);
        const args = given.length > 0 ? `(${given.join(', ')})` : '';
        return `${kind} { ${field.name}${args} ${selection(schema, field.type, depth)} }`;
      },
    })),
  );
}

/** The id by which the API knows a row. */
export function globalId(type: string, id: string): string {
  return Buffer.from(`${type}:${id}`).toString('base64');
}

function literal(
  { name, type }: GraphQLArgument | GraphQLInputField,
  parent: string,
  ids: Readonly<Record<string, string>>,
): string {
  const of = (given: GraphQLInputType): string => {
    if (isNonNullType(given)) return of(given.ofType);
    if (isListType(given)) return `[${of(given.ofType)}]`;
    if (isEnumType(given)) return given.getValues()[0].name;
    if (isInputObjectType(given)) {
      const fields = Object.values(given.getFields());
      const chosen = given.isOneOf
        ? fields.filter(({ type: t }) => getNamedType(t).name !== 'File').slice(0, 1)
        : fields.filter(isRequiredInputField);
      const entries = chosen.map((field) => `${field.name}: ${literal(field, given.name, ids)}`);
      return `{ ${entries.join(', ')} }`;
    }
    return JSON.stringify(scalar(given.name));
  };
  const scalar = (typeName: string): unknown => {
    if (typeName === 'ID') {
      // Which kind of node an argument takes is in its name, else around it; a schema does not say.
      const nodeIn = (words: string) =>
        NODES.find((node) => words.toLowerCase().includes(node.toLowerCase().replace(/y$/, '')));
      const node =
        parent === 'FaceReceiver' ? 'Identity' : (nodeIn(name) ?? nodeIn(parent) ?? 'Gallery');
      return ids[node] ?? globalId(node, name);
    }
    if (name === 'base64') return IMAGE;
    return { Int: 1, Float: 0.5, Boolean: true, DateTime: '2126-01-31T12:00:00Z' }[typeName] ?? 'x';
  };
  return of(type);
}

function selection(schema: GraphQLSchema, type: GraphQLOutputType, depth: number): string {
  const named = getNamedType(type);
  if (isLeafType(named)) return '';
  if (depth === 0) return '{ __typename }';
  const possible = isAbstractType(named) ? schema.getPossibleTypes(named) : [named];
  const parts = possible.filter(isObjectType).map((object) => {
    const fields = Object.values(object.getFields()).filter(
      ({ args, type: t }) =>
        !args.some(isRequiredArgument) && (depth > 1 || isLeafType(getNamedType(t))),
    );
    // Aliased, because fields of one name may have different types in different members.
    const asked = fields.map(
      (field) =>
        `${object.name}_${field.name}: ${field.name} ${selection(schema, field.type, depth - 1)}`,
    );
    return `... on ${object.name} { __typename ${asked.join(' ')} }`;
  });
  return `{ __typename ${parts.join(' ')} }`;
}
