/* Linearizability of one register with read, write and compare-and-set over any values: just-in-time linearization
 * (Lowe, "Testing for linearizability", 2017) as a frontier that goes along the events of a history and keeps, at each,
 * every configuration the operations up to there allow. Memory does not depend on the history's length.
 *
 * An order of operations is a row of segments: a write, then the cas and reads that follow it. A segment is over when
 * the next write takes effect. A configuration is
 *     value     what the register holds: the end of the living segment
 *     usable    open writes and cas that have not been used
 *     must      open operations that have to be placed before they end
 *     tokens    ends of segments that are over, each a pair of value and the moment the segment ended
 *     covered   the moment of the latest write
 * and nothing is placed before the end of some operation demands it. Four things keep configurations few:
 *   - Reads and failed cas are placed as soon as a value explains them, for they change nothing.
 *   - A write that was open when a later one took effect need not be placed any more: it can be hidden just before that
 *     one. It stays usable, and when it ends unused it leaves a token, or is the latest write after all.
 *   - What an operation demands can be placed at the end of the living segment, of a segment that is over (a token: as
 *     long as everything placed there was open when it ended), of a hidden write's, or of a new living one. Only the
 *     segment it goes to is drawn out, and just so far.
 *   - Among open operations of the same effect the one that ends first is used first, unless the other was open for
 *     a token that this one was not.
 * A configuration that leaves no less open than another one replaces it: more usable writes and crashed operations,
 * fewer that must be placed, more tokens. Crashed operations are never placed but where somebody then sees them.
 *
 * The frontier has a width. When it overflows, the configurations that leave the most open are kept, which still
 * proves "valid" but not "invalid". Where such a frontier dies, the checker looks back: a run that begins a few events
 * earlier with every value possible there, and with operations already open free to have happened or not, allows more
 * than the truth; when it dies as well without having overflowed, the history is invalid, and the operations since
 * then are the witness. The same is tried with only the value asked for told from all others. Else all are tried wider
 * and from further back. */
#ifndef CHAOS_CHECK_FRONTIER_H
#define CHAOS_CHECK_FRONTIER_H

#include "chaos/check/inside.h"

/* One key's operations, rising. 0 or ERROR_MEMORY. */
check_one_key frontier_key;

#endif
