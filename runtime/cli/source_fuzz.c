/* Addresses of repositories, as typed. What git and the file system get to see must not lead anywhere else. */
#include "runtime/cli/source.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct source_repository r;
    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    if (source_parse(text, &r)) {
        /* An option to git, or a way out of the checkout. */
        if (!r.url[0] || r.url[0] == '-' || r.branch[0] == '-' || r.folder[0] == '/' || r.folder[0] == '-' ||
            !r.name[0])
            abort();
        size_t len = strlen(r.folder);
        if (strcmp(r.folder, "..") == 0 || strncmp(r.folder, "../", 3) == 0 || strstr(r.folder, "/../") ||
            (len >= 3 && strcmp(r.folder + len - 3, "/..") == 0))
            abort();
    }
    free(text);
    return 0;
}
