/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The allowed outcomes of a litmus program: all of them, by trying every order in which its steps can happen.
 *
 * The machine. Each thread of the program has a store buffer, in order, out of which it reads its own
 * stores (x86: TSO). Register writes go through it as well, and from it into a queue: they are posted,
 * and take effect in order. The device does one step after the other, each seen by everybody at its
 * memory before the next. A register read and a release of a buffer wait until the thread's stores are
 * out and posted writes have taken effect; an interrupt, and the reply to a register read, come behind
 * what the device stored before.
 *
 * Locally (no flag) there is one memory. MODEL_REMOTE: the program's and the device's are two
 * (docs/coherence.md, "What is promised"):
 * - What the program stored goes to the device's in its own time, but before a register write that
 *   follows by the handle of the buffer. Two stores without one between may change places (this is what
 *   is not promised), unless they are of one word, or the later one lies on the same page and in front
 *   of the earlier one, or on another page of the handle and changes fewer bytes; the last is judged for
 *   words with one place each, on a page on which the program stores to nothing else, and to which the
 *   device does not store.
 * - What the device stored goes to the program's in its order within the buffers of a handle (3, flags), and
 *   before the reply to a register read of that handle, or an event, that follows (2, acquire). The reply
 *   to a release of a buffer brings nothing: the device may store while the buffer is being released.
 * - Stores of both to the same byte that cross on the way: one of the two remains, at both ends (4). It
 *   is bytes that change which are told, so of a word that both store to, some may come from the one
 *   and some from the other.
 * - The order between a store and a load of the other's, which locally a CPU fence makes, is not made: the
 *   store is on its way when the load is done.
 * MODEL_EAGER, with it: the eager tracker has less.
 * - The order of what the program stored is that of one word alone.
 * - What the device stored keeps its order on a word, and else where the later change is the shorter
 *   one; that is judged for words with one place each and without neighbours.
 * - Where stores of both to the same word cross, each end may keep the other's, also of bytes that only
 *   one of them changes: what is told may be the whole word.
 */
#ifndef TESTS_LITMUS_MODEL_H
#define TESTS_LITMUS_MODEL_H

#include "tests/litmus/program.h"

enum model_flags { MODEL_REMOTE = 1, MODEL_EAGER = 2 };

enum model_verdict {
	MODEL_DONE,
	MODEL_STUCK, /* it can come to a point from where nobody goes on */
	MODEL_LARGE, /* it has too many states */
};

struct model; /* room for states and outcomes, used again and again */

struct model *model_new(void); /* NULL: no memory */
void model_free(struct model *m);
enum model_verdict model_run(struct model *m, const struct litmus_program *p, unsigned int flags);

/*
 * With two memories, stores to one word that follow each other may travel as one, and of that the bytes
 * which are again what they were do not: where the other side stores to the word as well, the model
 * does not have this. False: it may happen with this program.
 */
bool model_knows(const struct litmus_program *p, unsigned int flags);

/* Of the last run. */
size_t model_num_states(const struct model *m);
size_t model_num_outcomes(const struct model *m);
const struct litmus_outcome *model_outcome(const struct model *m, size_t i);
bool model_allows(const struct model *m, const struct litmus_outcome *o);

#endif
