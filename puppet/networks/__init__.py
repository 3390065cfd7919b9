"""The networks of the product, in torch: the generator and what enrolment needs.

Importing this package alone, or its `layout`, loads no torch.
"""
