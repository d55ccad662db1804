/** Branded identifiers, so that a shard number is never passed where a term is meant. */

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** A node's name, chosen by its operator (`NODE_ID`). */
export type NodeId = Branded<string, 'NodeId'>;
/** A shard's identity: 64 bits as 16 hex digits, never reused. The number in URLs is only its place. */
export type ShardUid = Branded<string, 'ShardUid'>;
/** One copy of a shard on one disk: 64 random bits as 16 hex digits, given at assignment. */
export type CopyId = Branded<string, 'CopyId'>;
/** Numbers the ownership of a shard; every write carries it, older ones are refused. Starts at 1. */
export type Term = Branded<number, 'Term'>;
/** Position of a record in the gapless log of a copy. The first record has 1; 0 means "none yet". */
export type Seq = Branded<number, 'Seq'>;

/** Brands a node's name. */
export const nodeId = (value: string): NodeId => value as NodeId;
/** Brands 16 hex digits as a shard's identity. */
export const shardUid = (value: string): ShardUid => value as ShardUid;
/** Brands 16 hex digits as a copy's identity. */
export const copyId = (value: string): CopyId => value as CopyId;
/** Brands a term. */
export const term = (value: number): Term => value as Term;
/** Brands a sequence number. */
export const seq = (value: number): Seq => value as Seq;
