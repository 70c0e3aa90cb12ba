/**
 * Cuts a loop's straight-line body into passes, each to be a loop of its own over the same pixels, with the vectors
 * that are alive at a cut kept in scratch memory between them.
 *
 * A processor's out-of-order window is only some 200 to 500 instructions. If one element's chain of dependent
 * operations is long, and so is its code, few elements are computed in parallel and most of the time is latency: two
 * loops of half the length have twice as many in flight. Measured: see COST below.
 */

import { stores } from "./function_builder.ts";

/** A body written by a FunctionBuilder: one statement per line, and the parts of each vector that it binds. */
export interface Body {
  readonly lines: readonly string[];
  readonly vectors: readonly (readonly string[])[];
}

export interface Passes {
  /** The statements of each pass. */
  readonly passes: readonly (readonly string[])[];
  /** Bytes of scratch memory that a pixel takes. */
  readonly pixelBytes: number;
}

/**
 * Cost model of a pass per pixel, in cycles: the latency, as its instructions move through a window of this size no
 * faster than their longest chain, or the throughput, at this many instructions per cycle. Fitted to an AMD Zen 5 core
 * whose two threads share it (2026-11-24): one vector of 8 lanes was taken at 3.1 to 3.6 instructions per cycle uncut.
 */
const COST = { window: 250, instructionsPerCycle: 5 } as const;
/** Cycles until the result is there (AMD Zen 5, measured or from Agner Fog's tables); 1 for all others. */
const LATENCIES: readonly (readonly [instruction: RegExp, cycles: number])[] = [
  [/^v128\.load/, 8],
  [/^f32x4\.relaxed_n?madd/, 4],
  [/^f32x4\.mul/, 3],
  [/^f32x4\.(add|sub)/, 2],
  [/^f32x4\.div/, 15],
  [/^f32x4\.sqrt/, 20],
  [/^f32x4\.convert/, 4],
];
const MAX_PASSES = 5;
/** A cut must gain at least this factor, as it adds a loop and memory traffic. */
const MIN_GAIN = 0.95;
/** How far from an even division a cut may be where fewer vectors are alive, in parts of the whole body. */
const LEEWAY = 0.15;
/** Bytes per pixel that may be kept between passes: 8 vectors of 16 channels. */
export const MAX_KEPT_BYTES = 8 * 64;

interface Statement {
  readonly text: string;
  /** The local that it sets, the body's own or not. */
  readonly local: string | undefined;
  /** Every local that it reads. */
  readonly locals: readonly string[];
  /** Cycles until its result is there. */
  readonly latency: number;
  /** The body's own vector part that it sets. */
  readonly sets: string | undefined;
  /** The body's own vector parts that it reads. */
  readonly reads: readonly string[];
  /** Whether repeating it is as cheap as keeping its result: it loads from memory that the passes do not change. */
  readonly repeatable: boolean;
}

/** Liveness data by which cuts are chosen. */
class ParsedBody {
  readonly statements: readonly Statement[];
  /** All parts of the vector that a part belongs to. */
  readonly partsOf: ReadonlyMap<string, readonly string[]>;
  /** Index of the statement that sets a part. */
  readonly definition = new Map<string, number>();
  /** Parts alive just before each statement; infinitely many where that is inside a vector. */
  readonly alive: readonly number[];

  constructor(lines: readonly string[], vectors: readonly (readonly string[])[]) {
    this.partsOf = new Map(vectors.flatMap((parts) => parts.map((part) => [part, parts] as const)));
    this.statements = lines.map((line) => parseStatement(line, this.partsOf));
    const lastRead = new Map<string, number>();
    this.statements.forEach(({ sets, reads }, i) => {
      if (sets) this.definition.set(sets, i);
      reads.forEach((part) => lastRead.set(part, i));
    });
    const living = new Set<string>();
    this.alive = this.statements.map(({ sets, reads, repeatable }, i) => {
      const before = living.size;
      reads.forEach((part) => lastRead.get(part) === i && living.delete(part));
      if (sets && !repeatable && lastRead.has(sets)) living.add(sets);
      return sets && this.partsOf.get(sets)![0] !== sets ? Infinity : before;
    });
  }
}

/** Passes while the cuts are chosen, as statements that are parsed once. */
interface Draft {
  readonly passes: readonly (readonly Statement[])[];
  readonly pixelBytes: number;
}

/** Passes over the body; `pointer` is where the pixel's scratch memory is. Takes time linear in the body. */
export function cutIntoPasses({ lines, vectors }: Body, pointer: string): Passes {
  const body = new ParsedBody(lines, vectors);
  let best = makePasses(body, [], pointer), leastCost = costOf(best);
  for (let count = 2; count <= MAX_PASSES; count++) {
    const cuts = chooseCuts(body, count);
    const next = cuts && makePasses(body, cuts, pointer);
    if (!next || next.pixelBytes > MAX_KEPT_BYTES) continue;
    const cost = costOf(next);
    if (cost < MIN_GAIN * leastCost) [best, leastCost] = [next, cost];
  }
  return textOf(best);
}

/** The same in pieces of about this many statements, whatever must be kept between them. */
export function cutEvery(statements: number, { lines, vectors }: Body, pointer: string): Passes {
  const body = new ParsedBody(lines, vectors), cuts: number[] = [];
  for (let from = 0; lines.length - from > statements;) {
    from = fewestAlive(body.alive, from + Math.ceil(0.8 * statements), from + statements);
    cuts.push(from);
  }
  return textOf(makePasses(body, cuts, pointer));
}

/** The index from `first` to `last` at which the fewest vectors are alive. */
function fewestAlive(alive: readonly number[], first: number, last: number): number {
  let best = first;
  for (let i = first + 1; i <= last; i++) if (alive[i] < alive[best]) best = i;
  return best;
}

function textOf({ passes, pixelBytes }: Draft): Passes {
  return { passes: passes.map((pass) => pass.map(({ text }) => text)), pixelBytes };
}

function costOf({ passes }: Draft): number {
  return passes.reduce((sum, statements) => sum + passCost(statements), 0);
}

function passCost(statements: readonly Statement[]): number {
  const ready = new Map<string, number>();
  let longest = 0;
  for (const { local, locals, latency } of statements) {
    if (local === undefined) continue;
    let start = 0;
    for (const read of locals) start = Math.max(start, ready.get(read) ?? 0);
    ready.set(local, start + latency);
    longest = Math.max(longest, start + latency);
  }
  const instructions = statements.length / 2; // packed in pairs
  return Math.max(longest * instructions / COST.window, instructions / COST.instructionsPerCycle);
}

function makePasses(body: ParsedBody, cuts: readonly number[], pointer: string): Draft {
  const { statements, partsOf, definition } = body;
  const numbers = passNumbers(statements.length, cuts), passOf = (i: number) => numbers[i];
  const { kept, pixelBytes } = keptVectors(body, passOf);
  const passes: Statement[][] = Array.from({ length: cuts.length + 1 }, () => []);
  const present = passes.map(() => new Set<string>());
  const fetch = (name: string, pass: number) => {
    if (present[pass].has(name)) return;
    const parts = partsOf.get(name)!;
    parts.forEach((part, i) => {
      const made = statements[definition.get(part)!];
      const offset = kept.get(parts)! + 16 * i;
      const load = `(local.set ${part} (v128.load offset=${offset} ${pointer}))`;
      passes[pass].push(made.repeatable ? made : parseStatement(load, partsOf));
      present[pass].add(part);
    });
  };
  statements.forEach((statement, i) => {
    const { sets, reads } = statement;
    const pass = passOf(i);
    reads.forEach((name) => fetch(name, pass));
    passes[pass].push(statement);
    if (!sets) return;
    present[pass].add(sets);
    const parts = partsOf.get(sets)!;
    const offset = kept.get(parts);
    if (offset === undefined || sets !== parts.at(-1)) return;
    const keeping = stores(pointer, offset, parts.map((part) => `(local.get ${part})`));
    passes[pass].push(...keeping.map((line) => parseStatement(line, partsOf)));
  });
  return { passes, pixelBytes };
}

/** Which pass each statement is in. */
function passNumbers(statements: number, cuts: readonly number[]): number[] {
  let pass = 0;
  return Array.from({ length: statements }, (_, i) => {
    while (cuts[pass] <= i) pass++;
    return pass;
  });
}

/** Vectors read in a later pass than they are made in, and where among a pixel's scratch bytes each is kept. */
function keptVectors({ statements, partsOf, definition }: ParsedBody, passOf: (statement: number) => number) {
  const kept = new Map<readonly string[], number>();
  let pixelBytes = 0;
  statements.forEach(({ reads }, i) => {
    for (const name of reads) {
      const made = definition.get(name)!, parts = partsOf.get(name)!;
      if (statements[made].repeatable || passOf(made) === passOf(i) || kept.has(parts)) continue;
      kept.set(parts, pixelBytes);
      pixelBytes += 16 * parts.length;
    }
  });
  return { kept, pixelBytes };
}

function parseStatement(line: string, partsOf: ReadonlyMap<string, unknown>): Statement {
  const text = line.trim();
  const [, local, instruction] = /^\(local\.set (\$\w+) \((\S+)/.exec(text) ?? [];
  const locals = [...text.matchAll(/\(local\.get (\$\w+)\)/g)].map(([, name]) => name);
  const reads = locals.filter((name) => partsOf.has(name));
  return {
    text,
    local,
    locals,
    latency: local === undefined ? 0 : latencyOf(instruction),
    sets: local !== undefined && partsOf.has(local) ? local : undefined,
    reads,
    repeatable: local !== undefined && reads.length === 0,
  };
}

function latencyOf(instruction: string): number {
  return LATENCIES.find(([pattern]) => pattern.test(instruction))?.[1] ?? 1;
}

/** Indices of the statements that later passes begin with; null if that many passes are impossible. */
function chooseCuts({ statements, alive }: ParsedBody, passes: number): number[] | null {
  const before = [0];
  for (const { repeatable } of statements) before.push(before.at(-1)! + (repeatable ? 0 : 1));
  const total = before.pop()!;
  const cuts = Array.from({ length: passes - 1 }, (_, k) => {
    const target = (k + 1) / passes * total;
    const near = before.map((_, i) => i).filter((i) => Math.abs(before[i] - target) <= LEEWAY * total);
    const cost = (i: number) => alive[i] + Math.abs(before[i] - target) / total;
    return near.length === 0 ? 0 : near.reduce((best, i) => cost(i) < cost(best) ? i : best);
  });
  return cuts.every((cut, k) => cut > (cuts[k - 1] ?? 0)) ? cuts : null;
}
