/** The part of `@std/testing/bdd` that the tests use, over node:test (JSR is not reachable from every machine). */
export { after as afterAll, afterEach, before as beforeAll, beforeEach, describe, it } from "node:test";
