#include "wire/pb_path.h"

#include "wire/pb_wire.h"

#define KEY_SHOWN_MAX 40 /* bytes of a map key in a message */

void pb_path_print(const struct pb_path *path, struct text *out)
{
    /* One link per open message or map entry, and the transcoders limit those. */
    const struct pb_path *links[2 * PB_DEPTH_MAX + 4];
    size_t count = 0;
    for (; path && count < sizeof links / sizeof links[0]; path = path->up)
        links[count++] = path;
    while (count > 0) {
        const struct pb_path *link = links[--count];
        if (!link->up) {
            text_puts(out, link->root->full_name);
            continue;
        }
        text_printf(out, ".%s", link->field->name);
        if (link->index != PB_PATH_NO_INDEX)
            text_printf(out, "[%zu]", link->index);
        if (link->key.data) {
            text_puts(out, "[\"");
            text_printable(out, link->key.data, link->key.len, KEY_SHOWN_MAX);
            text_puts(out, "\"]");
        }
    }
}
