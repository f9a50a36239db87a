/* A URL in the first line, Set-Cookie lines behind it: what is kept goes back to where it came from or nowhere, and the
 * same lines as a Location lead somewhere. The lines as a file of cookies are read, and so is what is written of them.
 */
#include "e2e/http/http.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text all = TEXT_INIT, given = TEXT_INIT, next = TEXT_INIT, file = TEXT_INIT;
    size_t at;
    json_t *again = json_array(), *jar = json_array(), *set = json_object();
    text_add(&all, data, size);
    char *url = all.data != NULL ? all.data : NULL, *line = url != NULL ? strchr(url, '\n') : NULL;
    if (line != NULL) {
        *line++ = '\0';
        if (!http_jar_take(jar, url, line, 1000, set) || json_array_size(jar) > json_object_size(set) + size)
            abort();
        http_jar_give(jar, url, 1000, &given);
        http_jar_give(jar, "http://elsewhere.invalid/", 1000, &given);
        http_url_resolve(url, line, &next);
        json_array_clear(jar);
        http_jar_read(jar, bytes_of(line), 1000, &at);
        http_jar_print(jar, &file);
        http_jar_read(again, text_bytes(&file), 1000, &at);
        if (json_array_size(again) > json_array_size(jar))
            abort();
    }
    text_deinit(&file);
    json_decref(again);
    json_decref(jar);
    json_decref(set);
    text_deinit(&all);
    text_deinit(&given);
    text_deinit(&next);
    return 0;
}
