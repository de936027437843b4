// SPDX-License-Identifier: Apache-2.0

/// The version of all four programs.
package let meshVersion = "0.1.0"
