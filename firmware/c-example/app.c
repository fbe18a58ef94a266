// The example itself: the same on a board and on a desktop.
#include "app.h"

#include <string.h>

enum { LONGEST_PROMPT = 64, CHUNK = 16 };

static void print(const struct app *app, const char *text) {
    app->print(text, strlen(text));
}

static void print_number(const struct app *app, uint64_t number) {
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    app->print(digits + at, sizeof digits - at);
}

// " NAME NUMBER"
static void print_field(const struct app *app, const char *name, uint64_t number) {
    print(app, " ");
    print(app, name);
    print(app, " ");
    print_number(app, number);
}

// Says why a call failed; 0 is success.
static int outcome(const struct app *app, const char *call, subrosa_status status) {
    if (status != SUBROSA_STATUS_OK) {
        print(app, "error: ");
        print(app, call);
        print(app, ": ");
        print(app, subrosa_status_text(status));
        print(app, "\n");
    }
    return (int)status;
}

static void print_report(const struct app *app, const char *call, const subrosa_report *report) {
    print(app, call);
    print_field(app, "up", report->bytes_up);
    print_field(app, "down", report->bytes_down);
    print_field(app, "passed", report->checks_passed);
    print_field(app, "failed", report->checks_failed);
    print(app, "\n");
}

// The observer's function: "token INDEX NUMBER TEXT", or nothing where nothing may be shown.
static void on_token(void *context, const subrosa_token *token) {
    const struct app *app = context;
    if (!token->may_be_shown) {
        return;
    }
    print(app, "token ");
    print_number(app, token->index);
    print(app, " ");
    print_number(app, token->token);
    print(app, " ");
    app->print((const char *)token->text, token->text_length);
    print(app, "\n");
}

// Reads a number and what separates it from the next; returns whether there was one.
static bool read_number(const char **text, uint64_t *number) {
    const char *first = *text;
    *number = 0;
    while (**text >= '0' && **text <= '9') {
        *number = *number * 10 + (uint64_t)(*(*text)++ - '0');
    }
    bool found = *text != first;
    if (**text == ' ' || **text == ',') {
        ++*text;
    }
    return found;
}

static bool read_word(const char **text, const char *word) {
    size_t length = strlen(word);
    if (strncmp(*text, word, length) != 0 || (*text)[length] != ' ') {
        return false;
    }
    *text += length + 1;
    return true;
}

// Memory of these sizes. The sizes are the least; a preparation gets larger frames where there is room.
static subrosa_workspace workspace(const struct app *app, const subrosa_sizes *sizes) {
    subrosa_workspace space = {
        .text = {app->memory(sizes->text), sizes->text},
        .session = {app->memory(sizes->session), sizes->session},
        .frames = {app->memory(sizes->frames), sizes->frames},
    };
    print(app, "memory");
    print_field(app, "text", sizes->text);
    print_field(app, "session", sizes->session);
    print_field(app, "frames", sizes->frames);
    print(app, "\n");
    return space;
}

// Fills a store in memory with correlations for `tokens` tokens of every group.
static int prepare(const struct app *app, const subrosa_bundle *bundle, uint32_t method,
                   uint32_t tokens, subrosa_platform *platform) {
    size_t length = 0;
    int failed = outcome(app, "store", subrosa_window_size(bundle, tokens, &length));
    if (failed) {
        return failed;
    }
    subrosa_memory memory = {app->memory(length), length};
    print(app, "memory");
    print_field(app, "store", length);
    print(app, "\n");
    failed = outcome(app, "store", subrosa_window_open(bundle, &memory, &platform->store));
    if (failed) {
        return failed;
    }
    subrosa_preparation preparation = {.method = method, .batch = 256, .tokens = tokens};
    subrosa_sizes sizes;
    failed = outcome(app, "prepare", subrosa_prepare_sizes(bundle, &preparation, &sizes));
    if (failed) {
        return failed;
    }
    subrosa_workspace space = workspace(app, &sizes);
    subrosa_report report = {0};
    subrosa_status status = subrosa_prepare(bundle, &preparation, platform, &space, NULL, &report);
    print_report(app, "prepared", &report);
    return outcome(app, "prepare", status);
}

static int generate(const struct app *app, const subrosa_bundle *bundle, const char *arguments) {
    bool direct = read_word(&arguments, "direct"), packed = read_word(&arguments, "packed");
    if (!direct && !packed && !read_word(&arguments, "masked")) {
        return outcome(app, "arguments", SUBROSA_STATUS_OPTION);
    }
    uint64_t tokens = 0, seed = 0, temperature = 0, token = 0;
    if (!read_number(&arguments, &tokens) || !read_number(&arguments, &seed) ||
        !read_number(&arguments, &temperature)) {
        return outcome(app, "arguments", SUBROSA_STATUS_OPTION);
    }
    uint32_t prompt[LONGEST_PROMPT];
    size_t length = 0;
    while (length < LONGEST_PROMPT && read_number(&arguments, &token)) {
        prompt[length++] = (uint32_t)token;
    }
    uint8_t bytes[SUBROSA_SEED_BYTES] = {0};
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(seed >> (8 * i));
    }
    subrosa_request request = {
        .mode = direct ? SUBROSA_MODE_DIRECT : SUBROSA_MODE_MASKED,
        .prompt = prompt,
        .prompt_length = length,
        .tokens = (uint32_t)tokens,
        .chunk = CHUNK,
        .temperature = (float)temperature / 1000.0f,
        .top_p = 1.0f,
        .seed = bytes,
    };
    subrosa_platform platform = {.link = app->link, .entropy = app->entropy};
    subrosa_sizes sizes;
    int failed = outcome(app, "request", subrosa_generate_sizes(bundle, &request, &sizes));
    if (failed) {
        return failed;
    }
    if (!direct) {
        uint32_t method = packed ? SUBROSA_METHOD_DIRECT : SUBROSA_METHOD_MASKED;
        failed = prepare(app, bundle, method, sizes.correlations, &platform);
        if (failed) {
            return failed;
        }
    }
    subrosa_workspace space = workspace(app, &sizes);
    subrosa_observer observer = {.context = (void *)app, .token = on_token};
    subrosa_report report = {0};
    subrosa_status status =
        subrosa_generate(bundle, &request, &platform, &space, &observer, &report);
    print_report(app, "generated", &report);
    if (!direct) {
        subrosa_window_erase(&platform.store);
    }
    return outcome(app, "generate", status);
}

int app_run(const struct app *app, const char *arguments) {
    if (subrosa_abi() != SUBROSA_ABI) {
        print(app, "error: header and library are of different versions\n");
        return 1;
    }
    subrosa_bundle bundle = {0};
    int failed = outcome(app, "bundle",
                         subrosa_bundle_open(&bundle, app->bundle, app->bundle_length));
    if (!failed) {
        failed = generate(app, &bundle, arguments);
        subrosa_bundle_close(&bundle);
    }
    return failed;
}
