/* handmade.h - The exported table of a model whose program is written by hand. */
#ifndef STRUT_TEST_RUNTIME_HANDMADE_H
#define STRUT_TEST_RUNTIME_HANDMADE_H

#include "strut/Runtime/program.h"

/** Defines `strut_model`, the table through which the StrutProgram `of` is used. */
#define STRUT_HANDMADE_MODEL(of)                                                                   \
  static const StrutDescription *describeModel(void) { return (of).description; }                  \
  static StrutStatus openModel(const StrutOpenOptions *options, StrutSession **session) {          \
    return strut_rt_open(&(of), options, session);                                                 \
  }                                                                                                \
  __attribute__((visibility("default"))) const StrutModel strut_model = {                          \
      .abi_version = STRUT_ABI_VERSION,                                                            \
      .struct_size = sizeof(StrutModel),                                                           \
      .describe = describeModel,                                                                   \
      .open = openModel,                                                                           \
      .close = strut_rt_close,                                                                     \
      .create_context = strut_rt_create_context,                                                   \
      .destroy_context = strut_rt_destroy_context,                                                 \
      .bind = strut_rt_bind,                                                                       \
      .output_shape = strut_rt_output_shape,                                                       \
      .run = strut_rt_run,                                                                         \
      .error = strut_rt_error,                                                                     \
      .form = strut_rt_form,                                                                       \
      .device = strut_rt_device,                                                                   \
      .set_stream = strut_rt_set_stream,                                                           \
  }

#endif
