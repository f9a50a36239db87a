/* A body that never ends, cut into what it is a list of: server-sent events (the WHATWG's HTML standard, 9.2.6), lines
 * (application/x-ndjson and the like) or the pieces as they came. */
#ifndef E2E_SPLIT_H
#define E2E_SPLIT_H

#include "base/text.h"

#include <jansson.h>

#define SPLIT_ITEM_MAX ((size_t)1 << 20) /* bytes of one item */

enum split_by { SPLIT_EVENTS, SPLIT_LINES, SPLIT_PIECES };
struct split {
    enum split_by by;
    json_t *out; /* borrowed: items are appended. Events: {event, data, id}, with retry; others: a value or a text */
    struct text line, data, event, id;
    int64_t retry; /* ms; -1: not said */
    bool has_data, after_cr, begun, failed, too_long;
};
void http_split_init(struct split *s, enum split_by by, json_t *out);
void http_split_deinit(struct split *s);
/* False: no memory (`failed`), or an item is longer than SPLIT_ITEM_MAX (`too_long`). */
bool http_split_feed(struct split *s, struct bytes piece);
/* The body has ended: the last line counts without its newline, an event without its blank line does not. */
bool http_split_end(struct split *s);

#endif
