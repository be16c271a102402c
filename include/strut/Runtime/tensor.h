/*===- strut/Runtime/tensor.h - Tensors that bulk copies of a GPU know ----------===*/
#ifndef STRUT_RUNTIME_TENSOR_H
#define STRUT_RUNTIME_TENSOR_H

#include <stdint.h>

#define STRUT_BOX_BITS 12

/** A tensor of 16-bit floats in global memory, and the boxes that bulk copies take of it, swizzled
 * by 128 bytes. A kernel's arguments may begin with such; the launcher writes the tensor maps over
 * them that the kernel finds there. */
typedef struct StrutTensorDescription {
  uint64_t address; /**< a multiple of 16 */
  int64_t rank;     /**< 2 to 5 */
  int64_t is_bf16;
  int64_t boxes;      /**< elements of each side, STRUT_BOX_BITS for each, innermost lowest */
  int64_t sizes[5];   /**< in elements, innermost first */
  int64_t strides[4]; /**< in bytes, of all but the innermost: multiples of 16 */
  int64_t reserved[3];
} StrutTensorDescription;

#endif /* STRUT_RUNTIME_TENSOR_H */
