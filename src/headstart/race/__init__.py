"""From scratch against transfer, by number of labels: the same draws, the same sealed test.

The verb is in `engine`. What is drawn is in `draws`, what is run in `runs`, the numbers in
`figures`, and every sentence in `worth`, `forecast` and `says`: functions of the record alone.
"""
