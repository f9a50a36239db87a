/* Any bytes as a descriptor set: read or refused, and what is read can be written and read again. */
#include "harrow/fakes/descriptor_files.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct descriptor_files files = {.files = {0}}, again = {.files = {0}};
    struct text set = TEXT_INIT;
    if (descriptor_files_add(&files, BYTES(data, size), "input", NULL) == 0) {
        for (size_t i = 0; i < files.files.count; i += 2)
            files.files.items[i]->wanted = true;
        size_t wanted = 0;
        bool written = descriptor_files_set(&files, &set) == 0;
        for (size_t i = 0; i < files.files.count; i++)
            wanted += files.files.items[i]->wanted;
        if (!written || descriptor_files_add(&again, text_bytes(&set), "what was written", NULL) != 0 ||
            again.files.count != wanted)
            abort();
    }
    text_deinit(&set);
    descriptor_files_deinit(&again);
    descriptor_files_deinit(&files);
    return 0;
}
