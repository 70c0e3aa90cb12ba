"""The referee of accuracy.ts: expressions and their derivatives in 120-digit arithmetic.

    python oracle.py < REQUESTS > ANSWERS        (needs mpmath; with gmpy2 it is three times as fast)

A request is a line of JSON: {"points": [x, ...], "b": b, "nodes": [...]}, where each node is
["x"], ["b"], ["number", value], ["power", exponent, base], ["select", comparison, left, right, then, otherwise], or
[function, argument, ...], arguments are indices of
earlier nodes, and the last node is the function. Its answer is a line {"value": [...], "byX": [...], "byB": [...]} of
float64 numbers, "inf", "-inf" or "nan".

Derivatives are carried along with the values (forward mode), by rules of this file's own; where a function has a kink,
by the project's convention (child/activation/functions.ts), which is the only thing shared with it.
"""
import json
import sys

import mpmath
from mpmath import inf, mpf, nan

mpmath.mp.dps = 120
ZERO, ONE, TWO = mpf(0), mpf(1), mpf(2)
# Beyond exp of this many bits a result is infinite, or 0, for every purpose.
MAX_EXPONENT_BITS = 20000


def exp(u):
    if mpmath.isfinite(u) and u != 0 and mpmath.mag(u) > MAX_EXPONENT_BITS:
        return inf if u > 0 else ZERO
    return mpmath.exp(u)


def sech2(u):
    t = exp(-2 * abs(u))
    return 4 * t / (1 + t) ** 2


def tanh(u):
    t = exp(-2 * abs(u))
    return mpmath.sign(u) * (-mpmath.expm1(-2 * abs(u)) if abs(u) < 1e-3 else 1 - t) / (1 + t)


def sigmoid(u):
    t = exp(-abs(u))
    return (t if u < 0 else ONE) / (1 + t)


def dsigmoid(u):
    t = exp(-abs(u))
    return t / (1 + t) ** 2


def softplus(u):
    return max(u, ZERO) + mpmath.log1p(exp(-abs(u)))


def periodic(function):
    def at(u):
        if not mpmath.isfinite(u) or (u != 0 and mpmath.mag(u) > MAX_EXPONENT_BITS):
            return nan
        return function(u)

    return at


sin, cos = periodic(mpmath.sin), periodic(mpmath.cos)


def sinc(u):
    return ONE if u == 0 else ZERO if mpmath.isinf(u) else sin(u) / u


def dsinc(u):
    if u == 0 or mpmath.isinf(u):
        return ZERO
    return -u / 3 if abs(u) < mpf(10) ** -100 else (cos(u) - sin(u) / u) / u


def log(u):
    return -inf if u == 0 else nan if not u > 0 else mpmath.log(u)


def sinh(u):
    return mpmath.sinh(u) if abs(u) < 1 else (exp(u) - exp(-u)) / 2


def cosh(u):
    return (exp(u) + exp(-u)) / 2


def asinh(u):
    return u if u == 0 or mpmath.isinf(u) else mpmath.asinh(u)


def erf(u):
    return mpmath.sign(u) if abs(u) > 60 else mpmath.erf(u)


def erfc(u):
    return mpmath.erfc(u) if abs(u) < mpf(10) ** 30 else ZERO if u > 0 else TWO


def gauss(u):
    return ZERO if mpmath.isinf(u) else exp(-u * u)


# name: (value, derivative by the argument)
UNARY = {
    "neg": (lambda u: -u, lambda u: -ONE),
    "abs": (abs, mpmath.sign),
    "sqrt": (lambda u: mpmath.sqrt(max(u, ZERO)), lambda u: ZERO if u <= 0 else ONE / (2 * mpmath.sqrt(u))),
    "hypot1": (lambda u: mpmath.sqrt(1 + u * u), lambda u: u / mpmath.sqrt(1 + u * u)),
    "log": (log, lambda u: inf if u == 0 else nan if u < 0 else ONE / u),
    "log1p": (
        lambda u: log(1 + u) if abs(u) > 1e-3 else mpmath.log1p(u),
        lambda u: inf if u == -1 else nan if u < -1 else ONE / (1 + u),
    ),
    "exp": (exp, exp),
    "expm1": (lambda u: exp(u) - 1 if abs(u) > 1e-3 else mpmath.expm1(u), exp),
    "sin": (sin, cos),
    "cos": (cos, lambda u: -sin(u)),
    "acosh": (
        lambda u: nan if not u >= 1 else u if mpmath.isinf(u) else mpmath.acosh(u),
        lambda u: inf if u == 1 else nan if not u > 1 else ONE / mpmath.sqrt((u - 1) * (u + 1)),
    ),
    "atanh": (
        lambda u: nan if not abs(u) <= 1 else u * inf if abs(u) == 1 else mpmath.atanh(u),
        lambda u: inf if abs(u) == 1 else nan if not abs(u) < 1 else ONE / ((1 - u) * (1 + u)),
    ),
    "asin": (
        lambda u: mpmath.asin(u) if abs(u) <= 1 else nan,
        lambda u: inf if abs(u) == 1 else nan if not abs(u) < 1 else ONE / mpmath.sqrt((1 - u) * (1 + u)),
    ),
    "acos": (
        lambda u: mpmath.acos(u) if abs(u) <= 1 else nan,
        lambda u: -inf if abs(u) == 1 else nan if not abs(u) < 1 else -ONE / mpmath.sqrt((1 - u) * (1 + u)),
    ),
    "cbrt": (
        lambda u: u if u == 0 or mpmath.isinf(u) else mpmath.sign(u) * mpmath.cbrt(abs(u)),
        lambda u: ZERO if u == 0 or mpmath.isinf(u) else ONE / (3 * mpmath.cbrt(abs(u)) ** 2),
    ),
    "sinh": (sinh, cosh),
    "cosh": (cosh, sinh),
    "tanh": (tanh, sech2),
    "asinh": (asinh, lambda u: ONE / mpmath.sqrt(1 + u * u)),
    "atan": (mpmath.atan, lambda u: ONE / (1 + u * u)),
    "sinc": (sinc, dsinc),
    "sigmoid": (sigmoid, dsigmoid),
    "softplus": (softplus, sigmoid),
    "gauss": (gauss, lambda u: -2 * u * gauss(u) if not mpmath.isinf(u) else ZERO),
    "erf": (erf, lambda u: 2 / mpmath.sqrt(mpmath.pi) * gauss(u)),
    "erfc": (erfc, lambda u: -2 / mpmath.sqrt(mpmath.pi) * gauss(u)),
    "relu": (lambda u: max(u, ZERO), lambda u: ONE if u > 0 else ZERO),
    "sign": (mpmath.sign, lambda u: ZERO),
}


def times(u, v):
    """0 wins: a derivative of exactly 0 is not made NaN by what it multiplies."""
    return ZERO if u == 0 or v == 0 else u * v



def mean(du, dv):
    return du if du == dv else (du + dv) / 2


def extreme(larger, u, v, du, dv, is_zero):
    if mpmath.isnan(u) or mpmath.isnan(v):
        return nan, nan
    value = max(u, v) if larger else min(u, v)
    if u == v:
        # relu(u) has 0 at 0, and relu(u) + min(u, 0) is u; other equals take the mean of the sides.
        if True in is_zero:
            other = dv if is_zero[0] else du
            return value, ZERO if larger else other
        return value, mean(du, dv)
    return value, du if (u > v) == larger else dv


def binary(name, u, v, du, dv, is_zero):
    if name == "add":
        return u + v, du + dv
    if name == "sub":
        return u - v, du - dv
    if name == "mul":
        return times(u, v), times(du, v) + times(u, dv)
    if name == "div":
        if v == 0:
            return (nan if u == 0 or mpmath.isnan(u) else inf * mpmath.sign(u)), nan
        value = u / v
        return value, (du - value * dv) / v
    return extreme(name == "max", u, v, du, dv, is_zero)


def is_zero(node):
    return node[0] == "number" and node[1] == 0


def evaluate(nodes, x, b, by):
    """(value, derivative) of the last node."""
    done = []
    for node in nodes:
        kind = node[0]
        if kind == "x":
            result = x, ONE if by == "x" else ZERO
        elif kind == "b":
            result = b, ONE if by == "b" else ZERO
        elif kind == "number":
            result = mpf(float(node[1])), ZERO
        elif kind == "power":
            n, (u, du) = node[1], done[node[2]]
            result = u**n if u != 0 or n >= 0 else inf, times(n * u ** (n - 1), du) if u != 0 or n >= 1 else nan
        elif kind == "select":
            (l, _), (r, _), then, otherwise = (done[i] for i in node[2:])
            result = then if {">": l > r, ">=": l >= r, "==": l == r}[node[1]] else otherwise
        elif len(node) == 2:
            u, du = done[node[1]]
            value, slope = UNARY[kind]
            result = (nan, nan) if mpmath.isnan(u) else (value(u), ZERO if du == 0 else times(slope(u), du))
        else:
            (u, du), (v, dv) = done[node[1]], done[node[2]]
            zeros = is_zero(nodes[node[1]]), is_zero(nodes[node[2]])
            result = binary(kind, u, v, du, dv, zeros)
        done.append(result)
    return done[-1]


def to_json(value):
    if mpmath.isnan(value):
        return "nan"
    try:
        number = float(value)
    except OverflowError:
        number = float("inf") if value > 0 else float("-inf")
    return number if abs(number) != float("inf") else ("inf" if number > 0 else "-inf")


def main():
    for line in sys.stdin:
        request = json.loads(line)
        nodes, b = request["nodes"], mpf(float(request["b"]))
        uses_b = any(node[0] == "b" for node in nodes)
        answer = {"value": [], "byX": [], "byB": []}
        for point in request["points"]:
            x = mpf(float(point))  # JSON's shortest form of a float64 may be another whole number
            value, by_x = evaluate(nodes, x, b, "x")
            answer["value"].append(to_json(value))
            answer["byX"].append(to_json(by_x))
            if uses_b:
                answer["byB"].append(to_json(evaluate(nodes, x, b, "b")[1]))
        print(json.dumps(answer), flush=True)


main()
