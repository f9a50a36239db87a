#include "harrow/system/log_ring.h"

#include <stdlib.h>
#include <string.h>

void log_ring_add(struct log_ring *r, struct bytes line)
{
    if (r->file != NULL) {
        world_file_append(r->file, line.data, line.len);
        world_file_append(r->file, "\n", 1);
    }
    char *copy = malloc(line.len + 1);
    if (copy == NULL)
        return;
    memcpy(copy, line.data, line.len);
    copy[line.len] = '\0';
    char **slot = &r->lines[r->next++ % LOG_RING_LINES];
    free(*slot);
    *slot = copy;
}

static void tell(const struct log_ring *r, size_t oldest, const char *word, size_t count, struct text *out)
{
    const char *found[LOG_RING_LINES];
    size_t n = 0;
    if (oldest + LOG_RING_LINES < r->next)
        oldest = r->next - LOG_RING_LINES;
    for (size_t i = r->next; i > oldest && n < count; i--) {
        const char *line = r->lines[(i - 1) % LOG_RING_LINES];
        if (line != NULL && (word == NULL || strstr(line, word) != NULL))
            found[n++] = line;
    }
    while (n > 0)
        text_printf(out, "%s\n", found[--n]);
}

void log_ring_tail(const struct log_ring *r, const char *word, size_t count, struct text *out)
{
    tell(r, 0, word, count, out);
}

void log_ring_since(const struct log_ring *r, uint64_t since, size_t count, struct text *out)
{
    if (since < r->next)
        tell(r, (size_t)since, NULL, count, out);
}

void log_ring_deinit(struct log_ring *r)
{
    for (size_t i = 0; i < LOG_RING_LINES; i++)
        free(r->lines[i]);
    world_file_close(r->file);
    *r = (struct log_ring){0};
}
