// What the example needs of the machine it runs on, and what it does there.
#ifndef APP_H
#define APP_H

#include "subrosa.h"

struct app {
    // The device's bundle, aligned to SUBROSA_ALIGNMENT.
    const uint8_t *bundle;
    size_t bundle_length;
    subrosa_link link;
    subrosa_entropy entropy;
    // Memory of `length` bytes, aligned to SUBROSA_ALIGNMENT, which is never given back; null if there is
    // none.
    void *(*memory)(size_t length);
    void (*print)(const char *text, size_t length);
};

// Generates as `arguments` say, prints tokens and a report, and returns 0, or the status with which it
// failed.
//
//   MODE TOKENS SEED TEMPERATURE PROMPT
//
// MODE is `direct`, `masked` (prepared by the masked method) or `packed` (masked mode, prepared by the
// direct method). TEMPERATURE is in thousandths, PROMPT a list of tokens: 5,6,7.
int app_run(const struct app *app, const char *arguments);

#endif
