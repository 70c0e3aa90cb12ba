/** The part of `@std/cli/parse-args` that the commands use, over node:util (JSR is not reachable from every machine). */
