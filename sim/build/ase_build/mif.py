# SPDX-License-Identifier: BSD-3-Clause
"""A memory initialization file (.mif):

    WIDTH = 16;  DEPTH = 256;  ADDRESS_RADIX = HEX;  DATA_RADIX = HEX;     -- a comment
    CONTENT BEGIN
        [0..7f] : 0;          a range; several values are repeated in it
        80 : 1 2 3;           words at 80, 81 and 82         % a longer comment %
    END;"""
import re

from .complaint import Complaint

RADIXES = {"HEX": 16, "BIN": 2, "OCT": 8, "UNS": 10, "DEC": 10}  # DEC: also negative
MOST_BITS, MOST_WORDS = 1 << 12, 1 << 24


def without_comments(text):
    """Each is as many line ends as it has, so that lines keep their numbers."""
    return re.sub(r"--[^\n]*|%[^%]*%", lambda m: " " + "\n" * m[0].count("\n"), text)


class Parser:
    def __init__(self, text, path):
        self.path = path
        self.tokens = [(word, number) for number, line in enumerate(without_comments(text).splitlines(), 1)
                       for word in re.findall(r"\.\.|[\[\]:;=]|[^\s\[\]:;=.]+|\.", line)]
        self.at, self.last_line = 0, 1
        self.words = {}
        self.settings = {"ADDRESS_RADIX": "HEX", "DATA_RADIX": "HEX"}

    def wrong(self, what):
        raise Complaint(f"{self.path}:{self.last_line}: {what}")

    def peek(self):
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def next(self, *wanted):
        """The next word, which must be one of `wanted` if there are such."""
        if self.at < len(self.tokens):
            self.last_line = self.tokens[self.at][1]
        word = self.peek()
        self.at += 1
        if not word or (wanted and word.upper() not in wanted):
            found = f"'{word}'" if word else "it ends"
            self.wrong(f"{found} where {' or '.join(wanted) or 'more'} is wanted")
        return word

    def setting(self):
        name = self.next("WIDTH", "DEPTH", "ADDRESS_RADIX", "DATA_RADIX").upper()
        self.next("=")
        value = self.next().upper()
        if name.endswith("RADIX") and value not in RADIXES:
            self.wrong(f"{name} is one of {', '.join(RADIXES)}")
        self.settings[name] = value
        self.next(";")

    def size(self, name, most):
        value = self.settings.get(name, "")
        if not re.fullmatch(r"[0-9]{1,9}", value) or not 0 < int(value) <= most:
            self.wrong(f"{name} is to be given before CONTENT, as a number from 1 to {most}")
        return int(value)

    def number(self, radix, low, high):
        word = self.next()
        negative = word.startswith("-") and self.settings[radix] == "DEC"
        base = RADIXES[self.settings[radix]]
        digits = "0123456789abcdef"[:base]
        if not re.fullmatch(f"[{digits}]{{1,{MOST_BITS}}}", word[negative:].lower()):
            self.wrong(f"'{word}' is no number of {radix} = {self.settings[radix]}")
        value = int(word[negative:], base) * (-1 if negative else 1)
        if not low <= value < high:
            self.wrong(f"{word} is not within {low} and {high - 1}")
        return value

    def address(self):
        return self.number("ADDRESS_RADIX", 0, self.depth)

    def entry(self):
        first = last = None
        if self.peek() == "[":
            self.next()
            first = self.address()
            self.next("..")
            last = self.address()
            self.next("]")
            if last < first:
                self.wrong("the range ends before it begins")
        else:
            first = self.address()
        self.next(":")
        values = [self.value()]
        while self.peek() != ";":
            values.append(self.value())
        self.next()
        if last is None:
            last = first + len(values) - 1
            if last >= self.depth:
                self.wrong(f"there are more values than DEPTH = {self.depth} has room for")
        for address in range(first, last + 1):
            self.words[address] = values[(address - first) % len(values)]

    def value(self):
        low = -(1 << self.bits - 1) if self.settings["DATA_RADIX"] == "DEC" else 0
        return self.number("DATA_RADIX", low, 1 << self.bits) % (1 << self.bits)

    def parse(self):
        while self.peek().upper() != "CONTENT":
            self.setting()
        self.next()
        self.next("BEGIN")
        self.bits = self.size("WIDTH", MOST_BITS)
        self.depth = self.size("DEPTH", MOST_WORDS)
        while self.peek().upper() != "END":
            self.entry()
        self.next()
        return self.bits, (self.depth, self.words)


def read(text, path):
    bits, words = Parser(text, path).parse()
    return {str(bits): words}, f"{path} has WIDTH = {bits}, and the memory has another width"
