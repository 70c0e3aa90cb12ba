/**
 * Cuts a list into passes, each to be a loop of its own over the same pixels, with the values that are alive at a cut
 * kept in memory between them.
 *
 * A processor's out-of-order window is only some 200 to 500 instructions. If one element's chain of dependent
 * operations is long, and so is its code, few elements are computed in parallel and most of the time is latency: two
 * loops of half the length have twice as many in flight. The device says what its operations cost.
 */
import type { Operation, OperationKind, OperationList, Value } from "./operations.ts";

/** What a pass costs per pixel on a device, in cycles. */
export interface CostModel {
  /** Instructions in flight: they move through this window no faster than their longest chain. */
  readonly window: number;
  readonly instructionsPerCycle: number;
  /** Instructions of an operation, and cycles until its result is there. */
  readonly costs: Readonly<Record<OperationKind, OperationCost>>;
}

export interface OperationCost {
  readonly instructions: number;
  readonly latency: number;
}

export interface Passes {
  /** A list for each pass, complete in itself. */
  readonly passes: readonly OperationList[];
  /** Values that are kept between passes for each pixel. */
  readonly slots: number;
}

const MAX_PASSES = 5;
/** A cut must gain at least this factor, as it adds a loop and memory traffic. */
const MIN_GAIN = 0.95;
/** How far from an even division a cut may be where fewer values are alive, in parts of the whole list. */
const LEEWAY = 0.15;

/** Passes over the list that cost least, with at most `maxSlots` values kept. Takes time linear in the list. */
export function cutIntoPasses(list: OperationList, model: CostModel, maxSlots: number): Passes {
  const body = new Body(list, model);
  let best = makePasses(body, []), leastCost = costOf(best, model);
  for (let count = 2; count <= MAX_PASSES; count++) {
    const cuts = chooseCuts(body, count);
    const next = cuts && makePasses(body, cuts);
    if (!next || next.slots > maxSlots) continue;
    const cost = costOf(next, model);
    if (cost < MIN_GAIN * leastCost) [best, leastCost] = [next, cost];
  }
  return best;
}

/** The same in pieces of about this many instructions, whatever must be kept between them. */
export function cutEvery(instructions: number, list: OperationList, model: CostModel): Passes {
  const body = new Body(list, model), cuts: number[] = [];
  /** Instructions before each operation. */
  const before = runningSum(list, ({ kind }) => model.costs[kind].instructions);
  const end = (from: number, count: number) => {
    let to = from;
    while (to < list.length && before[to] - before[from] < count) to++;
    return to;
  };
  for (let from = 0; before[list.length] - before[from] > instructions;) {
    from = fewestAlive(body.alive, end(from, 0.8 * instructions), end(from, instructions));
    cuts.push(from);
  }
  return makePasses(body, cuts);
}

/** A list with what cuts are chosen by. */
class Body {
  /** Whether repeating an operation is as cheap as keeping its result. */
  readonly repeatable: readonly boolean[];
  /** Values alive just before each operation, without repeatable ones. */
  readonly alive: readonly number[];

  constructor(readonly list: OperationList, readonly model: CostModel) {
    this.repeatable = list.map((operation) => isLeaf(operation) || isOfLeaves(operation, list));
    const lastRead = new Map<Value, number>();
    list.forEach(({ operands }, i) => operands.forEach((operand) => lastRead.set(operand, i)));
    const living = new Set<Value>();
    this.alive = list.map(({ operands }, i) => {
      const before = living.size;
      operands.forEach((operand) => lastRead.get(operand) === i && living.delete(operand));
      if (!this.repeatable[i] && lastRead.has(i)) living.add(i);
      return before;
    });
  }
}

function isLeaf({ kind }: Operation): boolean {
  return kind === "input" || kind === "channel" || kind === "constant" || kind === "bits";
}

/** For values that are read at every point anyway. */
function isOfLeaves({ operands }: Operation, list: OperationList): boolean {
  return operands.length > 0 &&
    operands.every((operand) => list[operand].kind === "channel" || list[operand].kind === "input");
}

/** The index from `first` to `last` at which the fewest values are alive. */
function fewestAlive(alive: readonly number[], first: number, last: number): number {
  let best = first;
  for (let i = first + 1; i <= last; i++) if (alive[i] < alive[best]) best = i;
  return best;
}

function costOf({ passes }: Passes, model: CostModel): number {
  return passes.reduce((sum, pass) => sum + passCost(pass, model), 0);
}

function passCost(list: OperationList, { window, instructionsPerCycle, costs }: CostModel): number {
  const ready: number[] = [];
  let longest = 0, instructions = 0;
  for (const { kind, operands } of list) {
    const start = operands.reduce((latest, operand) => Math.max(latest, ready[operand]), 0);
    const end = start + costs[kind].latency;
    ready.push(end);
    longest = Math.max(longest, end);
    instructions += costs[kind].instructions;
  }
  return Math.max(longest * instructions / window, instructions / instructionsPerCycle);
}

/** Writes the passes, in the order of the list; what another pass made is read again where it is first used. */
function makePasses(body: Body, cuts: readonly number[]): Passes {
  const { list, repeatable } = body;
  const passOf = passNumbers(list.length, cuts);
  const slots = keptValues(body, passOf);
  const passes: Operation[][] = Array.from({ length: cuts.length + 1 }, () => []);
  const positions = passes.map(() => new Map<Value, Value>());
  const fetch = (value: Value, pass: number): Value => {
    const known = positions[pass].get(value);
    if (known !== undefined) return known;
    const slot = slots.get(value);
    return place(value, pass, slot === undefined ? list[value] : { kind: "kept", slot, operands: [] });
  };
  const place = (value: Value, pass: number, operation: Operation): Value => {
    const operands = operation.operands.map((operand) => fetch(operand, pass));
    const position = passes[pass].push({ ...operation, operands } as Operation) - 1;
    positions[pass].set(value, position);
    return position;
  };
  list.forEach((operation, i) => {
    const pass = passOf[i];
    if (repeatable[i] && positions[pass].has(i)) return;
    const position = place(i, pass, operation);
    const slot = slots.get(i);
    if (slot !== undefined) passes[pass].push({ kind: "keep", slot, operands: [position] });
  });
  return { passes, slots: slots.size };
}

/** Which pass each operation is in. */
function passNumbers(operations: number, cuts: readonly number[]): number[] {
  let pass = 0;
  return Array.from({ length: operations }, (_, i) => {
    while (cuts[pass] <= i) pass++;
    return pass;
  });
}

/** Values that are read in a later pass than they are made in, and the slot in which each is kept. */
function keptValues({ list, repeatable }: Body, passOf: readonly number[]): Map<Value, number> {
  const slots = new Map<Value, number>();
  list.forEach(({ operands }, i) => {
    for (const value of operands) {
      if (!repeatable[value] && passOf[value] !== passOf[i] && !slots.has(value)) slots.set(value, slots.size);
    }
  });
  return slots;
}

/** Indices of the operations that later passes begin with; null if that many passes are impossible. */
function chooseCuts({ list, repeatable, alive, model }: Body, passes: number): number[] | null {
  const before = runningSum(list, ({ kind }, i) => repeatable[i] ? 0 : model.costs[kind].instructions);
  const total = before.pop()!;
  const cuts = Array.from({ length: passes - 1 }, (_, k) => {
    const target = (k + 1) / passes * total;
    const near = before.map((_, i) => i).filter((i) => Math.abs(before[i] - target) <= LEEWAY * total);
    const cost = (i: number) => alive[i] + Math.abs(before[i] - target) / total;
    return near.length === 0 ? 0 : near.reduce((best, i) => cost(i) < cost(best) ? i : best);
  });
  return cuts.every((cut, k) => cut > (cuts[k - 1] ?? 0)) ? cuts : null;
}

/** The sum of what comes before each operation, and that of all. */
function runningSum(list: OperationList, of: (operation: Operation, i: number) => number): number[] {
  let sum = 0;
  return [0, ...list.map((operation, i) => sum += of(operation, i))];
}
